/* fetch.c: see fetch.h. libcurl says which descriptors and which time it waits for; libuv watches
 * them. What is over is looked for after libcurl has returned, because then a callback may begin
 * the next.
 */
#include "sys/fetch.h"

#include "base/text.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

struct gw_fetcher {
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    size_t n, most;
    struct gw_fetch *first;
};

struct gw_fetch {
    struct gw_fetcher *of;
    struct gw_fetch *prev, *next;
    CURL *curl;
    gw_fetch_fn *fn;
    void *user;
    char *body;
    size_t len;
    bool too_long;
    char error[CURL_ERROR_SIZE];
};

struct watch {
    uv_poll_t poll;
    struct gw_fetcher *of;
    curl_socket_t fd;
};

static void release(struct gw_fetch *x)
{
    struct gw_fetcher *f = x->of;

    if (x->prev != NULL)
        x->prev->next = x->next;
    else
        f->first = x->next;
    if (x->next != NULL)
        x->next->prev = x->prev;
    f->n--;
    if (x->curl != NULL) {
        curl_multi_remove_handle(f->multi, x->curl);
        curl_easy_cleanup(x->curl);
    }
    free(x->body);
    free(x);
}

static void finish(struct gw_fetch *x, CURLcode code)
{
    struct gw_fetch_result r = {.ok = code == CURLE_OK, .body = x->body, .len = x->len};

    long os = 0;

    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &r.status);
    curl_easy_getinfo(x->curl, CURLINFO_OS_ERRNO, &os);
    if (x->too_long)
        r.why = "the answer is too long";
    else if (code == CURLE_COULDNT_CONNECT && os != 0)
        r.why = strerror((int)os); /* libcurl's text does not say */
    else if (!r.ok)
        r.why = x->error[0] != '\0' ? x->error : curl_easy_strerror(code);
    x->fn(x->user, &r);
    release(x);
}

static void look_for_ends(struct gw_fetcher *f)
{
    struct CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(f->multi, &left)) != NULL) {
        struct gw_fetch *x = NULL;
        CURLcode code = msg->data.result; /* the message ends with its handle */
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &x);
        if (msg->msg == CURLMSG_DONE)
            finish(x, code);
    }
}

/* ---- what libcurl waits for ---- */

static void ready(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct gw_fetcher *f = w->of;
    int left, what = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                     (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) |
                     (status < 0 ? CURL_CSELECT_ERR : 0);

    curl_multi_socket_action(f->multi, w->fd, what, &left); /* w may be closing now */
    look_for_ends(f);
}

static void watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *watch_new(struct gw_fetcher *f, curl_socket_t fd)
{
    struct watch *w = calloc(1, sizeof *w);

    if (w == NULL)
        return NULL;
    *w = (struct watch){.of = f, .fd = fd};
    if (uv_poll_init(f->loop, &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    curl_multi_assign(f->multi, fd, w);
    return w;
}

static int want_socket(CURL *curl, curl_socket_t fd, int what, void *user, void *mine)
{
    struct gw_fetcher *f = user;
    struct watch *w = mine;

    (void)curl;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL)
            uv_close((uv_handle_t *)&w->poll, watch_closed);
        curl_multi_assign(f->multi, fd, NULL);
        return 0;
    }
    if (w == NULL && (w = watch_new(f, fd)) == NULL)
        return -1;
    return uv_poll_start(
        &w->poll,
        (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), ready);
}

static void time_is_up(uv_timer_t *timer)
{
    struct gw_fetcher *f = timer->data;
    int left;

    curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &left);
    look_for_ends(f);
}

static int want_time(CURLM *multi, long ms, void *user)
{
    struct gw_fetcher *f = user;

    (void)multi;
    if (ms < 0)
        uv_timer_stop(&f->timer);
    else
        uv_timer_start(&f->timer, time_is_up, (uint64_t)ms, 0);
    return 0;
}

/* ---- */

struct gw_fetcher *gw_fetcher_new(uv_loop_t *loop, size_t most)
{
    struct gw_fetcher *f = calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    f->loop = loop;
    f->most = most;
    f->multi = curl_global_init(CURL_GLOBAL_NOTHING) == 0 ? curl_multi_init() : NULL;
    if (f->multi == NULL) {
        free(f);
        return NULL;
    }
    uv_timer_init(loop, &f->timer);
    f->timer.data = f;
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, want_time);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
    return f;
}

void gw_fetcher_close(struct gw_fetcher *f)
{
    if (f == NULL)
        return;
    for (struct gw_fetch *x = f->first, *next; x != NULL; x = next) {
        next = x->next;
        release(x);
    }
    curl_multi_cleanup(f->multi); /* ends the watches */
    f->multi = NULL;
    uv_close((uv_handle_t *)&f->timer, NULL);
}

void gw_fetcher_free(struct gw_fetcher *f)
{
    if (f == NULL)
        return;
    free(f);
    curl_global_cleanup();
}

static size_t take_body(char *data, size_t size, size_t n, void *user)
{
    struct gw_fetch *x = user;
    size_t more = size * n;

    x->too_long = x->too_long || x->len + more > GW_FETCH_BODY;
    char *body = x->too_long ? NULL : realloc(x->body, x->len + more + 1);
    if (body == NULL)
        return 0; /* ends the transfer */
    memcpy(body + x->len, data, more);
    x->body = body;
    x->len += more;
    return more;
}

static bool set_up(struct gw_fetch *x, const char *url, bool get, struct gw_time timeout)
{
    CURL *c = x->curl;
    long ms = (long)(timeout.ns / 1000000);

    return curl_easy_setopt(c, CURLOPT_PRIVATE, x) == 0 &&
           curl_easy_setopt(c, CURLOPT_URL, url) == 0 &&
           curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L) == 0 &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http") == 0 &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == 0 &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == 0 &&
           curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L) == 0 &&
           curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L) == 0 &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, ms > 0 ? ms : 1) == 0 &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->error) == 0 &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "godwit") == 0 &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body) == 0 &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, x) == 0 &&
           curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, get ? 0L : 1L) == 0 &&
           curl_multi_add_handle(x->of->multi, c) == 0;
}

struct gw_fetch *gw_fetch_start(struct gw_fetcher *f, const struct gw_addr *addr, uint16_t port,
                                const char *path, struct gw_time timeout, gw_fetch_fn *fn,
                                void *user)
{
    char text[GW_TEXT_MAX], url[512];

    if (f->n >= f->most)
        return NULL;
    struct gw_fetch *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    *x = (struct gw_fetch){
        .of = f, .next = f->first, .curl = curl_easy_init(), .fn = fn, .user = user};
    if (x->next != NULL)
        x->next->prev = x;
    f->first = x;
    f->n++;
    snprintf(url, sizeof url, "http://[%s]:%u%s", gw_fmt_addr(addr, text), port,
             path != NULL ? path : "/");
    if (x->curl != NULL && set_up(x, url, path != NULL, timeout))
        return x;
    release(x);
    return NULL;
}

void gw_fetch_cancel(struct gw_fetch *x)
{
    if (x != NULL)
        release(x);
}
