/* A vibration sensor that sends frames: a 48-byte header and float32 samples, by MQTT with QoS 1.
 *
 * cc -O2 -o sensor sensor.c -lmosquitto -lz -lm     (apt-get install libmosquitto-dev zlib1g-dev)
 * ./sensor HOST PORT TOPIC SECONDS
 *
 * The signal is synthetic: a bearing with a damaged inner race. Replace `measure` by your converter. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <mosquitto.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum { RATE_HZ = 12000, SAMPLES = 4096, HEADER_BYTES = 48 };

static const double PI = 3.14159265358979323846;

/* The header is little-endian on every machine, so each number is written byte by byte. */
static unsigned char *put(unsigned char *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) *at++ = (unsigned char)(value >> (8 * i));
    return at;
}

static unsigned char *put_float(unsigned char *at, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put(at, bits, 4);
}

/* One frame of one channel: float32, unit g. Returns its size in bytes. */
static size_t frame(unsigned char *out, const float *samples, uint32_t n, uint32_t seq, uint32_t boot_id, uint64_t t0_ns) {
    unsigned char *at = out;
    memcpy(at, "DRSN", 4), at += 4;
    at = put(at, 1, 1);       /* version */
    at = put(at, 2, 1);       /* dtype: float32 */
    at = put(at, 1, 1);       /* channels */
    at = put(at, 2, 1);       /* flags: 2: the clock is synchronised, for example by NTP; 1: the signal was clipped */
    at = put(at, n, 4);       /* samples of each channel */
    at = put(at, seq, 4);     /* counts the packets */
    at = put(at, boot_id, 4); /* another one after each start; not 0 */
    at = put(at, t0_ns, 8);   /* time of the first sample */
    at = put_float(at, RATE_HZ);
    at = put_float(at, 1.0F); /* scale: g for each count */
    at = put_float(at, 0.0F); /* rpm: unknown */
    at = put(at, 1, 2);       /* unit: g */
    at = put(at, 0, 2);       /* reserved */
    unsigned char *samples_at = at + 4;
    for (uint32_t i = 0; i < n; i++) put_float(samples_at + 4 * i, samples[i]);
    uLong crc = crc32(0, out, HEADER_BYTES - 4); /* of the header without the crc itself, then of the samples */
    crc = crc32(crc, samples_at, 4 * n);
    put(at, crc, 4);
    return HEADER_BYTES + 4 * (size_t)n;
}

/* Replace this: n samples in g. Here: each impact of a roller makes a resonance of 2300 Hz ring, 239 times a second. */
static void measure(float *samples, uint32_t n) {
    static uint64_t count;
    static double next_s, impact_s = -1, strength;
    for (uint32_t i = 0; i < n; i++, count++) {
        double t = (double)count / RATE_HZ, shaft = 2 * PI * (2956.0 / 60) * t;
        if (t >= next_s) {
            impact_s = t;
            strength = 1 + cos(shaft); /* the damage turns with the shaft through the load */
            next_s += (1 + 0.02 * (2.0 * rand() / RAND_MAX - 1)) / 239.0; /* rollers slip a little */
        }
        double since = t - impact_s, noise = (double)rand() / RAND_MAX + (double)rand() / RAND_MAX - 1;
        samples[i] = (float)(0.1 * sin(shaft) + 0.12 * noise + strength * exp(-700 * since) * sin(2 * PI * 2300 * since));
    }
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static atomic_uint confirmed; /* packets that the broker has confirmed */

static void on_publish(struct mosquitto *client, void *userdata, int id) {
    (void)client, (void)userdata, (void)id;
    confirmed++;
}

int main(int argc, char **argv) {
    static float samples[SAMPLES];
    static unsigned char payload[HEADER_BYTES + 4 * SAMPLES];
    if (argc != 5) {
        fprintf(stderr, "usage: %s HOST PORT TOPIC SECONDS\n", argv[0]);
        return 64;
    }
    uint64_t start_ns = now_ns();
    uint32_t boot_id = (uint32_t)(start_ns / 1000000) | 1U;
    uint32_t packets = (uint32_t)(atof(argv[4]) * RATE_HZ / SAMPLES);
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    if (client) mosquitto_publish_callback_set(client, on_publish);
    if (!client || mosquitto_connect(client, argv[1], atoi(argv[2]), 60) || mosquitto_loop_start(client)) {
        fprintf(stderr, "no connection to %s:%s\n", argv[1], argv[2]);
        return 69;
    }
    for (uint32_t seq = 0; seq < packets; seq++) {
        uint64_t t0_ns = start_ns + (uint64_t)seq * SAMPLES * 1000000000U / RATE_HZ;
        measure(samples, SAMPLES);
        uint64_t full_ns = t0_ns + (uint64_t)SAMPLES * 1000000000U / RATE_HZ, now = now_ns();
        if (full_ns > now) { /* a converter would wait here until the block is full */
            struct timespec pause = {(time_t)((full_ns - now) / 1000000000U), (long)((full_ns - now) % 1000000000U)};
            nanosleep(&pause, NULL);
        }
        size_t size = frame(payload, samples, SAMPLES, seq, boot_id, t0_ns);
        mosquitto_publish(client, NULL, argv[3], (int)size, payload, 1, false);
    }
    /* The library repeats what is not confirmed, also after it has connected again. */
    while (confirmed < packets) nanosleep(&(struct timespec){0, 10000000}, NULL);
    mosquitto_disconnect(client);
    mosquitto_loop_stop(client, false);
    mosquitto_destroy(client);
    mosquitto_lib_cleanup();
    return 0;
}
