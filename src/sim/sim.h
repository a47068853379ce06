/* A simulated Respan: the gateway behind /api/anthropic/ and the little of its
 * management API that spantop uses, with a memory (prompt cache, response cache,
 * log rows, ledger) and faults on demand.  For the demo, the tests and the bench.
 *
 * Threads: one listener and one thread a connection; everything here may be
 *          called from any thread, sim_stop() once.
 * Memory:  struct sim owns all; recorded bodies are bounded (keep_body_bytes).
 * Network: loopback addresses only; anything else is refused at start.
 *
 * WHAT IS SERVED (any non-empty key is good unless it begins with "bad": 401)
 *   POST /api/anthropic/v1/messages             SSE when "stream":true, else JSON
 *   POST /api/anthropic/v1/messages/count_tokens
 *   GET  /api/anthropic/v1/models               404 unless config models_enabled
 *   HEAD anything                               200, empty
 *   GET  /api/health-check/                     no key
 *   GET  /api/models/public[?unnest=true]       no key
 *   GET  /api/models/                           Bearer
 *   GET  /api/request-logs/{id}/                Bearer; 404 until log_latency_ms passed
 *   POST /api/request-logs/list/  …/summary/    Bearer
 *
 * WHO WRITES THE ANSWER of v1/messages, first that applies:
 *   1. a queued fault whose match fits (below); 2. the models' parameter rules
 *   (400, 404); 3. the header "x-sim-answer: <base64 of one script item>", which
 *   may hold "status_once":N or "fault_once":{"stage","fault"} for the first try;
 *   4. a title call (output_config.format.schema.properties.title) → {"title":…};
 *   5. a queued script item whose match fits; 6. directives in the prompt; 7. prose.
 *
 * DIRECTIVES stand in the text of the newest user message that is not only tool
 * results; several may stand in one text, in any place:
 *   [[sim text WORDS]]  [[sim think [WORDS]]]  [[sim tool NAME {json input}]]
 *   [[sim words N]]     prose of about N words
 *   [[sim stop REASON]] [[sim model NAME]] [[sim provider NAME]] [[sim delay MS]]
 *   [[sim status N [times K]]]            that error, K times (1), then the answer
 *   [[sim fault STAGE FAULT [times K]]]   that fault, K times (1), then the answer
 *   [[sim then]]        next step: the parts after it answer the next call, the one
 *                       with the tool results; past the last step comes prose
 *   So "[[sim tool Bash {"command":"ls"}]] [[sim then]] [[sim text done]]" is a turn
 *   of two calls.  Brackets nest, so a subagent's prompt may hold directives itself.
 *
 * CONTROL, same port, JSON in and out, no key:
 *   POST /sim/faults   one object or an array, taken in order:
 *     {"times":1 (0: for ever), "skip":0, "stage":S, "fault":F, "status":N,
 *      "shape":"detail|error|message|anthropic|provider|errors|html|text|empty",
 *      "body":"…" or {…}, "body_base64":"…", "headers":{"retry-after":"2"}, "delay_ms":N,
 *      "bytes":N (long_line, garbage), "match":{…}}
 *     Either status (an answer of its own), or fault at a stage, or delay_ms alone.
 *     stage: connect, headers (before the first byte), mid_headers, first_event, mid_event,
 *            mid_utf8, between_events, before_end (before message_stop),
 *            terminator (message_stop sent, the framing's end not).  A plain answer has the
 *            same stages on its body; before_end is then one byte short.
 *     fault: reset, close, stall, garbage (inside the framing), bad_chunk (broken framing),
 *            dup_headers, wrong_length, long_line, 1xx, redirect, drip, gzip, http10,
 *            error_event (SSE "error"), crlf, comments, no_event_lines, plain_json
 *     match: {"model":GLOB,"path":GLOB (whole target),"provider":NAME,"session":ID,
 *             "agent":"main"|"subagent","stream":bool,"tools":bool,"text":SUBSTRING of the prompt}
 *            A fault without "path" meets v1/messages (not count_tokens); at stage connect only
 *            "path" counts.  /sim/ itself never meets a fault.
 *   GET  /sim/faults   those still waiting: [{"stage","fault","status","times","fired"}]
 *   POST /sim/script   one item or an array, each used once, in order:
 *     {"text":"…","thinking":"…","tool_use":[{"name","input","id"?}],"stop_reason","model",
 *      "provider","usage":{…fields that replace the modelled ones},"chunks":N (text deltas),
 *      "delay_ms":N between deltas,"first_ms":N before the first byte,"match":{…}}
 *     or {"events":[{"event","data"} …]}: sent as they are.
 *   GET  /sim/requests            {"count","requests":[{"n","at_ms","method","target","version",
 *                                 "headers":[[name,value]…],"body_len","xxh128" (of the body),"chunked",
 *                                 "connection" (number of the connection),
 *                                 "state":"answering|done|gone|fault","log_id",
 *                                 "left_after_ms" (gone: when the client left, since arrival),
 *                                 "bytes_sent","events_sent"}]}; ?since=N: only n > N
 *   GET  /sim/requests/N          one of them;  /sim/requests/N/body: its body, byte-exact
 *   GET  /sim/ledger              {"rows":[…],"totals":{…}}: every token handed out, see ledger.h
 *   POST /sim/clock    {"advance_ms":N} or {"now_ms":N}: moves the caches' and log rows' clock
 *   POST /sim/config   any of {"speed","log_latency_ms","models_enabled","provider" (""=auto),
 *                      "provider_mix":bool,
 *                      "provider_header":bool (x-respan-provider on answers; Respan documents no
 *                      such header, so off must work as well),"first_ms" (wait before the first byte; -1 human),
 *                      "idle_close_ms" (a connection without a request is closed; -1 never),
 *                      "fallbacks":bool (X-Data-Respan-Params' fallback_models act),
 *                      "limit_context":bool (400 above the model's context)}
 *   GET  /sim/config, GET /sim/status ({"connections","in_flight","requests"})
 *   POST /sim/reset    forgets faults, scripts, caches, requests, ledger, clock; keeps config */
#ifndef SPANTOP_SIM_SIM_H
#define SPANTOP_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct sim_options {
    const char *addr;          /* NULL: 127.0.0.1 */
    uint16_t port;             /* 0: any free one */
    double speed;              /* 1: human speed, 10: ten times as fast, 0: no waiting */
    uint64_t seed;             /* same seed, same answers */
    const char *faults;        /* JSON as for POST /sim/faults, or NULL */
    bool provider_mix;         /* spread sessions over providers instead of "anthropic" */
    int log_latency_ms;        /* until a log row can be looked up */
    size_t keep_body_bytes;    /* request bodies kept for /sim/requests/N/body */
    bool no_control;           /* no /sim/ paths */
};

/* speed 1, any port, 1500 ms, 64 MiB. */
void sim_options_init(struct sim_options *o);

struct sim;

/* Listen and serve in threads of its own.  NULL on failure, e says why. */
struct sim *sim_start(const struct sim_options *o, struct err *e);
uint16_t sim_port(const struct sim *s);
/* "http://127.0.0.1:PORT/api/anthropic/", owned by s. */
const char *sim_base_url(const struct sim *s);
/* Cuts what runs, waits for every thread, frees.  NULL is fine. */
void sim_stop(struct sim *s);

/* In the foreground until SIGTERM or SIGINT; prints exactly one line,
 * "spantop sim listening on http://127.0.0.1:PORT/api/anthropic/". */
NODISCARD int sim_run(const struct sim_options *o, struct err *e);

#endif
