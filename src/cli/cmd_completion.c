/* spantop completion: the few lines a shell needs; what fits is asked from here. */
#include <stdio.h>
#include <string.h>

#include "cli/candidates.h"
#include "cli/command.h"

static const struct option_spec options[] = {
    {"words", NULL, NULL}, /* what the scripts below ask with */
    {NULL, NULL, NULL},
};

static const struct {
    const char *shell;
    const char *script;
} scripts[] = {
    {"bash", "_spantop() {\n"
             "    COMPREPLY=()\n"
             "    while IFS= read -r word; do COMPREPLY+=(\"$(printf %q \"$word\")\"); done < \\\n"
             "        <(\"${COMP_WORDS[0]}\" completion --words -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
             "}\n"
             "complete -o default -F _spantop spantop\n"},
    {"zsh", "#compdef spantop\n"
            "_spantop() {\n"
            "    local -a found\n"
            "    found=(${(f)\"$(${words[1]} completion --words -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
            "    if (( $#found )); then compadd -a found; else _files; fi\n"
            "}\n"
            /* From a folder of $fpath this file is the function's body and asked at once. */
            "if [[ ${funcstack[1]} == _spantop ]]; then _spantop; else compdef _spantop spantop; fi\n"},
    /* Files only where none of ours fits. */
    {"fish", "function __spantop_words\n"
             "    spantop completion --words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null\n"
             "end\n"
             "complete -c spantop -n 'string length -q -- (__spantop_words)' -f -a '(__spantop_words)'\n"},
};

static int completion(struct cli *c, struct err *e)
{
    if (args_has(&c->args, "words")) {
        candidates_print(c->args.words, c->args.word_count);
        return CLI_DONE;
    }
    const char *shell = c->args.word_count == 1 ? c->args.words[0] : "";
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (strcmp(scripts[i].shell, shell) == 0) {
            fputs(scripts[i].script, stdout);
            return CLI_DONE;
        }
    }
    return cli_usage(e, "spantop completion needs the shell: bash, zsh or fish");
}

const struct command command_completion = {
    .name = "completion",
    .is_minor = true,
    .summary = "print what makes a shell complete spantop's words",
    .synopsis = "bash|zsh|fish",
    .text = "Knows commands, options, models, providers, sessions, routes and call ids.",
    .example = "source <(spantop completion bash)\nspantop completion fish | source",
    .options = options,
    .min_words = 1,
    .max_words = (size_t)-1,
    .stops_at_word = true,
    .words = (const char *const[]){"bash", "zsh", "fish", NULL},
    .run = completion,
};
