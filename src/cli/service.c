#include "cli/service.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sys.h"
#include "cli/tool.h"

const struct service_manager *service_manager_find(struct err *e)
{
    const struct service_manager *const known[] = {&service_launchd, &service_systemd};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *tool = sys_find_program(known[i]->tool);
        free(tool);
        if (tool)
            return known[i];
    }
    err_set(e, "there is neither systemd (systemctl) nor launchd (launchctl) here; "
               "let whatever starts your session run: spantop serve");
    return NULL;
}

int service_tool(const char *const argv[], struct err *e)
{
    struct buf out;
    buf_init_max(&out, TOOL_OUTPUT_MAX);
    int status = tool_run(argv, &out);
    int r = 0;
    if (status != 0) {
        out.data[strcspn(out.data, "\n")] = '\0';
        r = err_set(e, "%s failed with status %d: %s", argv[0], status, *out.data ? out.data : "it said nothing");
    }
    buf_done(&out);
    return r;
}

/* --- What it runs ------------------------------------------------------------ */

static void add(char ***list, char *text)
{
    size_t count = 0;
    while (*list && (*list)[count])
        count++;
    *list = xrealloc(*list, (count + 2) * sizeof **list);
    (*list)[count] = text;
    (*list)[count + 1] = NULL;
}

/* The service starts in another folder. */
static char *absolute_value(const struct option_spec *o, const char *value)
{
    bool is_path = o->value && strcmp(o->value, "FILE") == 0 && *value;
    return is_path ? path_absolute(value) : xstrdup(value);
}

static bool steers_the_gateway(const struct option_spec *o)
{
    return o->example || strcmp(o->name, "config") == 0;
}

static void add_options(struct service_spec *spec, const struct args *args)
{
    for (size_t i = 0; i < args->option_count; i++) {
        const struct option_spec *o = args->options[i].spec;
        if (!steers_the_gateway(o) || option_find(common_options, o->name, strlen(o->name)) != o)
            continue;
        add(&spec->argv, xasprintf("--%s", o->name));
        if (o->value)
            add(&spec->argv, absolute_value(o, args->options[i].value));
    }
}

static void add_variable(struct service_spec *spec, const char *name)
{
    const char *value = getenv(name);
    if (value && *value)
        add(&spec->variables, xasprintf("%s=%s", name, value));
}

static void add_variables(struct service_spec *spec)
{
    static const char *const others[] = {"RESPAN_BASE_URL", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"};
    for (const struct option_spec *o = common_options; o->name; o++) {
        if (!steers_the_gateway(o))
            continue;
        char *name = xasprintf("SPANTOP_%s", o->name);
        for (char *p = name; *p; p++)
            *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
        const char *value = getenv(name);
        char *whole = value && *value ? absolute_value(o, value) : NULL;
        if (whole)
            add(&spec->variables, xasprintf("%s=%s", name, whole));
        free(whole);
        free(name);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        add_variable(spec, others[i]);
}

void service_spec_fill(struct service_spec *spec, const char *program, const struct args *args)
{
    *spec = (struct service_spec){0};
    add(&spec->argv, xstrdup(program));
    add(&spec->argv, xstrdup("serve"));
    add_options(spec, args);
    add_variables(spec);
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

void service_spec_done(struct service_spec *spec)
{
    free_list(spec->argv);
    free_list(spec->variables);
    *spec = (struct service_spec){0};
}
