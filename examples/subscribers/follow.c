/* Follow the alarms of all agents, so that no event is missed and no old alarm is taken for a valid one.
 *
 * cc -O2 -o follow follow.c -lmosquitto -lcjson     (apt-get install libmosquitto-dev libcjson-dev)
 * ./follow HOST PORT [PREFIX]
 *
 * One line on stdout for each alarm, event and state of an agent; README.md has the rules. */
#define _POSIX_C_SOURCE 200809L
#include <cjson/cJSON.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 500, ANSWER_MS = 5000, NAME = 65 };

/* An agent and its state, or a sensor and its events; `seq` counts them within one `epoch` of one agent. */
typedef struct Item {
    struct Item *next;
    char name[NAME], agent[NAME], epoch[NAME];
    cJSON *document;            /* the retained one */
    double last, newest;        /* events up to `last` were processed; the agent has made those up to `newest` */
    double requested;           /* `newest` at the time of the last request */
    long long next_request_ms;
} Item;

static Item *agents, *sensors;
static const char *prefix = "drsn/v1";
static char reply_topic[256];
static struct mosquitto *client;

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static const char *text(const cJSON *document, const char *key) {
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, key));
    return value ? value : "-";
}

static double number(const cJSON *document, const char *key) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(document, key);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

static Item *item(Item **list, const char *name) {
    for (Item *each = *list; each; each = each->next)
        if (strcmp(each->name, name) == 0) return each;
    Item *made = calloc(1, sizeof *made);
    if (!made) abort();
    snprintf(made->name, NAME, "%s", name);
    made->next = *list;
    return *list = made;
}

/* The sensor of a document; `last` is the begin of its events if its agent or epoch is another one. */
static Item *stream_of(const cJSON *document, double last) {
    Item *sensor = item(&sensors, text(document, "sensor"));
    if (strcmp(sensor->agent, text(document, "agent")) || strcmp(sensor->epoch, text(document, "epoch"))) {
        snprintf(sensor->agent, NAME, "%s", text(document, "agent"));
        snprintf(sensor->epoch, NAME, "%s", text(document, "epoch"));
        sensor->last = sensor->newest = last;
    }
    if (number(document, "seq") > sensor->newest) sensor->newest = number(document, "seq");
    return sensor;
}

/* An alarm is valid only while its agent works, with the same database. */
static int works(const Item *sensor) {
    const cJSON *status = item(&agents, sensor->agent)->document;
    const char *state = text(status, "state");
    return (!strcmp(state, "online") || !strcmp(state, "degraded")) && !strcmp(text(status, "epoch"), sensor->epoch);
}

static void show(const Item *sensor) {
    const cJSON *alarm = sensor->document;
    if (alarm && works(sensor))
        printf("alarm %s %s %s %s\n", sensor->name, text(alarm, "state"), text(alarm, "condition"), text(alarm, "event_id"));
    else if (alarm)
        printf("alarm %s not_valid\n", sensor->name);
}

/* Process an event that is the next one; one that came before is a repetition, a later one must wait. */
static void take_event(const cJSON *event) {
    Item *sensor = stream_of(event, number(event, "seq") - 1);
    if (number(event, "seq") != sensor->last + 1) return;
    sensor->last += 1;
    printf("event %s %.0f %s %s %s\n", sensor->name, sensor->last, text(event, "condition"), text(event, "state"),
           text(event, "event_id"));
}

/* The journal of the agent does not have these events any more. */
static void lost(Item *sensor, double until) {
    if (until <= sensor->last) return;
    printf("lost %s %.0f %.0f\n", sensor->name, sensor->last + 1, until);
    sensor->last = until;
}

static void take_reply(const cJSON *reply) {
    Item *sensor = item(&sensors, text(reply, "sensor"));
    double page_end = 0;
    const cJSON *each;
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "ok"))) {
        fprintf(stderr, "refused: %s\n", text(reply, "reason"));
        return;
    }
    if (strcmp(sensor->agent, text(reply, "agent"))) return;
    cJSON_ArrayForEach(each, cJSON_GetObjectItemCaseSensitive(reply, "events")) {
        if (strcmp(sensor->epoch, text(each, "epoch"))) continue;
        page_end = number(each, "seq");
        lost(sensor, page_end - 1);
        take_event(each);
    }
    cJSON_ArrayForEach(each, cJSON_GetObjectItemCaseSensitive(reply, "unreadable"))
        if (each->valuedouble > page_end) page_end = each->valuedouble;
    int more = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "more"));
    lost(sensor, more ? page_end : sensor->requested);
    sensor->next_request_ms = 0; /* the next page, if there is one */
}

/* Request the events that are missing, from the first one on. */
static void request_missing(void) {
    for (Item *sensor = sensors; sensor; sensor = sensor->next) {
        if (sensor->last >= sensor->newest) {
            sensor->next_request_ms = now_ms() + WAIT_MS;
        } else if (now_ms() >= sensor->next_request_ms && works(sensor)) {
            static unsigned count;
            char topic[256], request[256];
            mosquitto_property *properties = NULL;
            sensor->requested = sensor->newest;
            sensor->next_request_ms = now_ms() + ANSWER_MS;
            snprintf(topic, sizeof topic, "%s/_agent/%s/cmd/events", prefix, sensor->agent);
            snprintf(request, sizeof request, "{\"request_id\":\"%s-%u\",\"by\":\"follow\",\"sensor\":\"%s\",\"from_seq\":%.0f}",
                     strrchr(reply_topic, '/') + 1, count++, sensor->name, sensor->last + 1);
            mosquitto_property_add_string(&properties, MQTT_PROP_RESPONSE_TOPIC, reply_topic);
            mosquitto_publish_v5(client, NULL, topic, (int)strlen(request), request, 1, false, properties);
            mosquitto_property_free_all(&properties);
        }
    }
}

static void on_message(struct mosquitto *m, void *userdata, const struct mosquitto_message *message) {
    (void)m, (void)userdata;
    const char *rest = message->topic + strlen(prefix) + 1; /* SENSOR/alarm, SENSOR/event or _agent/ID/status */
    const char *kind = strrchr(message->topic, '/') + 1;
    char name[NAME] = "";
    cJSON *document = cJSON_ParseWithLength(message->payload, (size_t)message->payloadlen);
    if (message->payloadlen && !cJSON_IsObject(document)) { /* any client may publish there */
        fprintf(stderr, "not a document of an agent: %s\n", message->topic);
    } else if (!strcmp(message->topic, reply_topic)) {
        take_reply(document);
    } else if (!strcmp(kind, "event")) {
        take_event(document);
    } else if (!strcmp(kind, "status") && sscanf(rest, "_agent/%64[^/]", name) == 1) {
        Item *agent = item(&agents, name);
        cJSON_Delete(agent->document);
        agent->document = document;
        document = NULL;
        printf("agent %s %s\n", name, text(agent->document, "state"));
        for (const Item *each = sensors; each; each = each->next)
            if (!strcmp(each->agent, name)) show(each);
    } else if (!strcmp(kind, "alarm") && sscanf(rest, "%64[^/]", name) == 1) {
        Item *sensor = document ? stream_of(document, number(document, "seq")) : item(&sensors, name);
        cJSON_Delete(sensor->document); /* an empty payload: `forget` has removed the sensor */
        sensor->document = document;
        if (document) show(sensor); else sensor->agent[0] = '\0';
        document = NULL;
    }
    cJSON_Delete(document);
    fflush(stdout);
}

/* After each connect: the session is clean, and the broker sends what it retains again. */
static void on_connect(struct mosquitto *m, void *userdata, int result) {
    static const char *const filters[] = {"+/alarm", "+/event", "_agent/+/status"};
    char filter[256];
    (void)userdata;
    if (result) return;
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        snprintf(filter, sizeof filter, "%s/%s", prefix, filters[i]);
        mosquitto_subscribe(m, NULL, filter, 1);
    }
    mosquitto_subscribe(m, NULL, reply_topic, 1);
}

/* Without a connection, no alarm is known to be valid. */
static void on_disconnect(struct mosquitto *m, void *userdata, int reason) {
    (void)m, (void)userdata, (void)reason;
    int had = 0;
    for (Item *agent = agents; agent; agent = agent->next) {
        had |= agent->document != NULL;
        cJSON_Delete(agent->document);
        agent->document = NULL;
    }
    if (had) puts("connection lost");
    fflush(stdout);
}

int main(int argc, char **argv) {
    unsigned long long unique = 0;
    FILE *random = fopen("/dev/urandom", "rb");
    if (argc < 3 || !random || !fread(&unique, sizeof unique, 1, random)) return 64;
    fclose(random);
    if (argc > 3) prefix = argv[3];
    snprintf(reply_topic, sizeof reply_topic, "%s/_reply/%llx", prefix, unique);
    mosquitto_lib_init();
    client = mosquitto_new(NULL, true, NULL);
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_disconnect_callback_set(client, on_disconnect);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_connect(client, argv[1], atoi(argv[2]), 60);
    for (;;) {
        if (mosquitto_loop(client, WAIT_MS, 1) != MOSQ_ERR_SUCCESS) {
            sleep(1);
            mosquitto_reconnect(client);
        }
        request_missing();
    }
}
