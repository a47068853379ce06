#include "log/journal_begin.h"

#include <string.h>

#include "anthropic/content.h"
#include "base/clock.h"
#include "base/mem.h"
#include "log/journal_sums.h"

/* A title call's answer is a few hundred bytes; anything larger is none. */
#define TITLE_ANSWER_MAX ((size_t)1 << 20)

static void fill_text(char **slot, const char *s)
{
    if (!*slot && s[0] != '\0')
        *slot = xstrdup(s);
}

void call_read_sent(struct call *c, const struct blob *sent)
{
    struct span at[REQUEST_SPLICES_MAX];
    size_t count = request_find_models(sent->data, sent->len, at, REQUEST_SPLICES_MAX);
    struct span last = count ? at[count - 1] : (struct span){0, 0};
    /* A name with escapes in it is nobody's model. */
    if (!c->model_sent && last.len > 2 && !memchr(sent->data + last.off, '\\', last.len))
        c->model_sent = xstrndup(sent->data + last.off + 1, last.len - 2);
}

void call_take_facts(struct call *c, const struct request_facts *f, const struct blob *sent)
{
    fill_text(&c->model_asked, f->model);
    fill_text(&c->session_id, f->session_id);
    fill_text(&c->work_dir, f->work_dir);
    if (!c->has_purpose) {
        c->has_purpose = true;
        c->purpose = f->purpose;
    }
    if (sent)
        call_read_sent(c, sent);
    else if (!c->model_sent && c->model_asked)
        c->model_sent = xstrdup(c->model_asked);
}

void call_price(struct call *c, const struct catalog *catalog)
{
    const char *model = call_counted_model(c);
    if (c->cost_microusd >= 0 || !catalog || !model)
        return;
    c->cost_microusd = catalog_cost_microusd(catalog, model, clock_day_number(c->started_at), &c->usage);
    c->cost_source = c->cost_microusd >= 0 ? COST_CATALOG : COST_NONE;
}

bool call_read_title(const struct call *c, const struct blob *answer, char *title, size_t size)
{
    if (!answer || !c->has_purpose || c->purpose != PURPOSE_TITLE || !c->session_id || c->state != CALL_DONE)
        return false;
    struct buf plain;
    struct buf text;
    struct content content = {0};
    buf_init_max(&plain, TITLE_ANSWER_MAX);
    buf_init_max(&text, TITLE_ANSWER_MAX);
    bool found = false;
    if (content_decode(NULL, answer->data, answer->len, &plain) == 0) {
        content_from_answer(plain.data, plain.len, &content);
        for (size_t i = 0; i < content.count; i++)
            if (content.parts[i].kind == CONTENT_TEXT)
                buf_put(&text, content.parts[i].text, content.parts[i].text_len);
        found = request_title_from_answer(text.data, text.len, title, size);
        content_done(&content);
    }
    buf_done(&plain);
    buf_done(&text);
    return found;
}
