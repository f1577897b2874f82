/* A stand-in for the vendor's archive library: the same C ABI, the same return codes, a toy cipher.
 *
 * It speaks plain HTTP to the sandbox whose address is given as the proxy ("http://host:port"). It copies the manners
 * seen in the real one: the token lives as long as the handle, a refused sign-in is 10001 and printed to stdout, the
 * answer's body is handed back as it is, a message cipher under 13 bytes kills the process. Headers of an answer make
 * it misbehave on order: "x-library: crash | hang | kill | code N", "x-slow-ms: N" (each DecryptData).
 *
 * Cipher: base64( FNV-1a-32 of the plaintext, big endian, 4 bytes | 9 zero bytes | plaintext XOR stream ), where the
 * stream is the low byte of an xorshift64 seeded with the FNV-1a-64 of the key.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { OK = 0, PARAMETER = 10000, NETWORK = 10001, PARSE = 10002, SYSTEM = 10003, FILE_ID = 10005, KEY_PARSE = 10008 };

typedef struct Slice_t { char *buf; int len; } Slice_t;
typedef struct MediaData_t { char *outindexbuf; int out_len; char *data; int data_len; int is_finish; } MediaData_t;
typedef struct WeWorkFinanceSdk_t { char corp[128], secret[256], token[600]; } WeWorkFinanceSdk_t;
typedef struct Answer { char *raw; char *body; size_t body_len; int status; } Answer;

static int slow_ms = 0;

WeWorkFinanceSdk_t *NewSdk(void) { return calloc(1, sizeof(WeWorkFinanceSdk_t)); }
void DestroySdk(WeWorkFinanceSdk_t *sdk) { free(sdk); }
Slice_t *NewSlice(void) { return calloc(1, sizeof(Slice_t)); }
void FreeSlice(Slice_t *slice) { free(slice->buf); free(slice); }
char *GetContentFromSlice(Slice_t *slice) { return slice->buf; }
int GetSliceLen(Slice_t *slice) { return slice->len; }
MediaData_t *NewMediaData(void) { return calloc(1, sizeof(MediaData_t)); }
void FreeMediaData(MediaData_t *media) { free(media->outindexbuf); free(media->data); free(media); }
char *GetOutIndexBuf(MediaData_t *media) { return media->outindexbuf; }
char *GetData(MediaData_t *media) { return media->data; }
int GetIndexLen(MediaData_t *media) { return media->out_len; }
int GetDataLen(MediaData_t *media) { return media->data_len; }
int IsMediaDataFinish(MediaData_t *media) { return media->is_finish; }

int Init(WeWorkFinanceSdk_t *sdk, const char *corpid, const char *secret) {
    if (!sdk || !corpid || !*corpid || !secret || !*secret) return PARAMETER;
    snprintf(sdk->corp, sizeof sdk->corp, "%s", corpid);
    snprintf(sdk->secret, sizeof sdk->secret, "%s", secret);
    return OK;
}

/* -- plain HTTP/1.0 -- */

static int connect_to(const char *proxy, int timeout) {
    char host[200] = "", port[16] = "80";
    if (!proxy || sscanf(proxy, "http://%199[^:/]:%15[0-9]", host, port) < 1) return -1;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(host, port, &hints, &found)) return -1;
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = timeout > 0 ? timeout : 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int bad = connect(fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (bad) { close(fd); return -1; }
    return fd;
}

static char *header(const Answer *answer, const char *name) {
    char *at = strcasestr(answer->raw, name);
    return at && at < answer->body ? at + strlen(name) : NULL;
}

static int obey(const Answer *answer) {
    char *order = header(answer, "x-slow-ms: ");
    if (order) slow_ms = atoi(order);
    if (!(order = header(answer, "x-library: "))) return OK;
    if (!strncmp(order, "crash", 5)) *(volatile int *)0 = 1;
    if (!strncmp(order, "kill", 4)) raise(SIGKILL);
    if (!strncmp(order, "hang", 4)) for (;;) pause();
    return strncmp(order, "code ", 5) ? OK : atoi(order + 5);
}

/* Send a request, read the whole answer. Returns OK, NETWORK, or the code the sandbox orders. */
static int talk(const char *proxy, int timeout, const char *request, Answer *answer) {
    memset(answer, 0, sizeof *answer);
    int fd = connect_to(proxy, timeout);
    if (fd < 0) return NETWORK;
    size_t size = 0, room = 1 << 16, want = strlen(request);
    char *raw = malloc(room + 1);
    ssize_t got = send(fd, request, want, MSG_NOSIGNAL) == (ssize_t)want ? 1 : -1;
    while (got > 0) {
        if (size == room) raw = realloc(raw, (room *= 2) + 1);
        got = recv(fd, raw + size, room - size, 0);
        if (got > 0) size += (size_t)got;
    }
    close(fd);
    raw[size] = 0;
    char *blank = got < 0 ? NULL : strstr(raw, "\r\n\r\n");
    if (!blank || sscanf(raw, "HTTP/%*s %d", &answer->status) != 1) { free(raw); return NETWORK; }
    answer->raw = raw;
    answer->body = blank + 4;
    answer->body_len = size - (size_t)(answer->body - raw);
    return obey(answer);
}

static int sign_in(WeWorkFinanceSdk_t *sdk, const char *proxy, int timeout) {
    if (*sdk->token) return OK;
    char request[1024];
    Answer answer;
    snprintf(request, sizeof request, "GET /cgi-bin/gettoken?corpid=%s&corpsecret=%s HTTP/1.0\r\n\r\n", sdk->corp,
             sdk->secret);
    int code = talk(proxy, timeout, request, &answer);
    char *token = code ? NULL : strstr(answer.body, "\"access_token\"");
    if (!code && (!token || sscanf(token, "\"access_token\" : \"%599[^\"]", sdk->token) != 1)) {
        printf("gettoken failed: %s\n", answer.body);
        fflush(stdout);
        code = NETWORK;
    }
    free(answer.raw);
    return code;
}

static int post(WeWorkFinanceSdk_t *sdk, const char *proxy, int timeout, const char *path, const char *more,
                const char *body, Answer *answer) {
    memset(answer, 0, sizeof *answer);
    int code = sign_in(sdk, proxy, timeout);
    if (code) return code;
    size_t room = strlen(path) + strlen(sdk->token) + strlen(more) + strlen(body) + 300;
    char *request = malloc(room);
    snprintf(request, room,
             "POST %s?access_token=%s HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n%s"
             "Content-Length: %zu\r\n\r\n%s",
             path, sdk->token, more, strlen(body), body);
    code = talk(proxy, timeout, request, answer);
    free(request);
    return code;
}

static char *copy(const char *from, size_t length) {
    char *made = malloc(length + 1);
    memcpy(made, from, length);
    made[length] = 0;
    return made;
}

int GetChatData(WeWorkFinanceSdk_t *sdk, unsigned long long seq, unsigned int limit, const char *proxy,
                const char *passwd, int timeout, Slice_t *slice) {
    (void)passwd;
    if (!sdk || !slice || limit == 0 || limit > 1000) return PARAMETER;
    char body[200];
    Answer answer;
    snprintf(body, sizeof body, "{\"seq\":%llu,\"limit\":%u,\"version\":3}", seq, limit);
    int code = post(sdk, proxy, timeout, "/cgi-bin/message/getchatdata", "", body, &answer);
    if (!code) {
        slice->buf = copy(answer.body, answer.body_len);
        slice->len = (int)answer.body_len;
    }
    free(answer.raw);
    return code;
}

int GetMediaData(WeWorkFinanceSdk_t *sdk, const char *indexbuf, const char *sdkFileid, const char *proxy,
                 const char *passwd, int timeout, MediaData_t *media) {
    (void)passwd;
    if (!sdk || !media || !sdkFileid || !*sdkFileid) return PARAMETER;
    if (strspn(sdkFileid, "0123456789abcdef") != strlen(sdkFileid)) return FILE_ID;
    char range[100], body[400];
    Answer answer;
    snprintf(range, sizeof range, "%.90s\r\n", indexbuf && *indexbuf ? indexbuf : "Range:bytes=0-524287");
    snprintf(body, sizeof body, "{\"fileid\":\"%.300s\",\"version\":3}", sdkFileid);
    int code = post(sdk, proxy, timeout, "/cgi-bin/message/getchatmediadata", range, body, &answer);
    unsigned long last = 0, total = 0;
    char *span = code ? NULL : header(&answer, "content-range: bytes ");
    if (!code && (!span || sscanf(span, "%*u-%lu/%lu", &last, &total) != 2)) code = answer.status == 200 ? PARSE : SYSTEM;
    if (!code) {
        media->data = copy(answer.body, answer.body_len);
        media->data_len = (int)answer.body_len;
        media->is_finish = last + 1 >= total;
        media->outindexbuf = malloc(100);
        media->out_len = snprintf(media->outindexbuf, 100, "Range:bytes=%lu-%lu", last + 1, last + 524288);
    }
    free(answer.raw);
    return code;
}

/* -- the toy cipher -- */

static int sextet(char c) {
    const char *alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

static size_t unbase64(const char *text, unsigned char *into) {
    size_t size = 0;
    uint32_t bits = 0;
    int have = 0;
    for (; *text && *text != '='; text++) {
        int value = sextet(*text);
        if (value < 0) continue;
        bits = bits << 6 | (uint32_t)value;
        if ((have += 6) >= 8) into[size++] = (unsigned char)(bits >> (have -= 8));
    }
    return size;
}

int DecryptData(const char *encrypt_key, const char *encrypt_msg, Slice_t *slice) {
    if (!encrypt_key || !*encrypt_key || !encrypt_msg || !*encrypt_msg || !slice) return PARAMETER;
    if (slow_ms) usleep((useconds_t)slow_ms * 1000);
    unsigned char *raw = malloc(strlen(encrypt_msg) + 1);
    size_t size = unbase64(encrypt_msg, raw);
    if (size < 13) abort();
    uint64_t stream = 14695981039346656037ULL;
    for (const char *c = encrypt_key; *c; c++) stream = (stream ^ (unsigned char)*c) * 1099511628211ULL;
    uint32_t sum = 2166136261U, told = (uint32_t)raw[0] << 24 | raw[1] << 16 | raw[2] << 8 | raw[3];
    for (size_t i = 13; i < size; i++) {
        stream ^= stream << 13, stream ^= stream >> 7, stream ^= stream << 17;
        raw[i] ^= (unsigned char)stream;
        sum = (sum ^ raw[i]) * 16777619U;
    }
    if (sum == told) {
        slice->buf = copy((char *)raw + 13, size - 13);
        slice->len = (int)(size - 13);
    }
    free(raw);
    return sum == told ? OK : KEY_PARSE;
}
