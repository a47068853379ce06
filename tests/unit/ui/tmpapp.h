/* A dashboard on a log of its own for each test, without a terminal: keys in, rows of
 * text out. */
#ifndef SPANTOP_TESTS_UI_TMPAPP_H
#define SPANTOP_TESTS_UI_TMPAPP_H

#include "tests/unit/log/tmplog.h"

#include <locale.h>

#include "base/clock.h"
#include "log/peer.h"
#include "log/routes.h"
#include "ui/app.h"
#include "ui/glyph.h"

#define CLOCK_MS ((int64_t)1795351351000) /* 2026-11-22 12:42:31 UTC */

static struct dashboard_options options;
static struct app app;
static struct canvas screen;
static struct catalog *catalog;
static struct peer_lock *gateway;
static UNUSED int restarts;

static UNUSED int restart(void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    restarts++;
    return 0;
}

static UNUSED void draw(int rows, int cols)
{
    canvas_done(&screen);
    canvas_init(&screen, rows, cols);
    app_draw(&app, &screen);
}

static UNUSED const char *row_text(int row)
{
    static struct buf out;
    buf_done(&out);
    buf_init(&out);
    canvas_row_text(&screen, row, &out);
    return out.data;
}

/* The first row that holds the text, or -1. */
static UNUSED int find(const char *text)
{
    for (int row = 0; row < screen.rows; row++)
        if (strstr(row_text(row), text))
            return row;
    return -1;
}

static UNUSED void fail_without(const char *text)
{
    fprintf(stderr, "the screen shows\n");
    for (int row = 0; row < screen.rows; row++)
        fprintf(stderr, "%s\n", row_text(row));
    fail_msg("'%s' is not on it", text);
}

static UNUSED void see(const char *text)
{
    draw(36, 120);
    if (find(text) < 0)
        fail_without(text);
}

static UNUSED void see_no(const char *text)
{
    draw(36, 120);
    if (find(text) >= 0) {
        fprintf(stderr, "row: %s\n", row_text(find(text)));
        fail_msg("'%s' is still on the screen", text);
    }
}

static UNUSED void press(const char *keys)
{
    for (; *keys; keys++)
        app_key(&app, *keys == '\n' ? KEY_CODE_ENTER : *keys == '\033' ? KEY_CODE_ESC : *keys);
}

static UNUSED void add_calls(int from, int to)
{
    char sql[1024];
    tmplog_run("BEGIN");
    for (int i = from; i <= to; i++) {
        const char *state = i % 50 == 7 ? "error" : "done";
        snprintf(sql, sizeof(sql),
                 "INSERT INTO "
                 "call(id,state,started_at,finished_at,session_id,purpose,method,path,status,error_type,error_message,"
                 "model_asked,"
                 "model_sent,provider_served,tokens_in,tokens_cache_read,tokens_out,cost_microusd,ttft_ms,duration_ms,"
                 "body_state) VALUES"
                 "(%d,'%s',%lld,%lld,'s%d','main','POST','/v1/"
                 "messages?beta=true',%d,%s,%s,'claude-opus-5-5','claude-opus-5-5','anthropic',"
                 "10,%d,%d,%d,900,4000,'off')",
                 i, state, (long long)CLOCK_MS - 1000 * (2000 - i), (long long)CLOCK_MS - 1000 * (2000 - i) + 4000,
                 i % 3, i % 50 == 7 ? 529 : 200, i % 50 == 7 ? "'overloaded_error'" : "NULL",
                 i % 50 == 7 ? "'Overloaded'" : "NULL", i * 100, i, i * 100);
        tmplog_run(sql);
    }
    tmplog_run("COMMIT");
}

static UNUSED void add_sessions(void)
{
    static const char *const titles[] = {"api-refactor", "docs-site", "nightly"};
    char sql[512];
    for (int i = 0; i < 3; i++) {
        snprintf(sql, sizeof(sql),
                 "INSERT INTO "
                 "session(session_id,title,first_at,last_at,context_tokens,context_limit,model,provider,calls) VALUES"
                 "('s%d','%s',1,%lld,142000,1000000,'claude-opus-5-5','anthropic',5)",
                 i, titles[i], (long long)CLOCK_MS - i);
        tmplog_run(sql);
    }
}

/* A log of its own, a gateway by its lock alone, the dashboard on both. */
static UNUSED int open_app(void **state)
{
    struct err e = {""};
    char clock[32];
    snprintf(clock, sizeof(clock), "%lld", (long long)CLOCK_MS);
    setenv("SPANTOP_CLOCK", clock, 1);
    setenv("TZ", "UTC", 1);
    setlocale(LC_ALL, "C.UTF-8");
    glyph_use_ascii(false);
    tmplog_open(state);
    catalog = catalog_load(NULL, NULL, &e);
    struct peer p = {
        .address = "127.0.0.1:9", .pid = 1, .token = "t", .upstream = "https://api.respan.ai/api/anthropic/"};
    gateway = peer_lock_take(tmplog_path, &e);
    assert_non_null(gateway);
    assert_int_equal(peer_lock_announce(gateway, &p, &e), 0);
    options = (struct dashboard_options){.log_path = tmplog_path,
                                         .upstream = p.upstream,
                                         .listen = p.address,
                                         .catalog = catalog,
                                         .unicode = true,
                                         .setup_lines = "eval \"$(spantop env)\"\nclaude",
                                         .restart_gateway = restart};
    restarts = 0;
    return 0;
}

static UNUSED int close_app(void **state)
{
    app_done(&app);
    canvas_done(&screen);
    peer_lock_free(gateway);
    gateway = NULL;
    catalog_free(catalog);
    return tmplog_close(state);
}

static UNUSED void start(int calls)
{
    if (calls) {
        add_calls(1, calls);
        add_sessions();
    }
    app_init(&app, &options, tmplog);
    draw(36, 120); /* the number of rows is known from drawing */
}

#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, open_app, close_app)

#endif
