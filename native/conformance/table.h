/*
 * A scenario as a table: an array of 32-bit words that lib/conformance/table.ts writes and this
 * module decodes. A table comes from a file or is compiled in as a C array; it holds no sizes or
 * offsets of any ABI, so the same words run on LP64 and ILP32.
 *
 * Encoding. A number of up to 32 bits is one word, of 64 bits two, the low half first.
 *   string    length in bytes, then its bytes, four per word, the first in the lowest bits
 *   value     kind | index << 8, low, high: 64 bits to which the run adds what the kind names
 *   list      count, then its elements
 *   optional  0, or 1 and what is there
 *
 *   table     magic, version, words in total, flags, name, reason,
 *             processes (name, tasks (name)), handles (name), messages (name), label count, steps
 *   step      number, task, action, want, start label (the last three: TABLE_NONE for none),
 *             the action's arguments, optional wanted message
 *   arguments
 *     open close setIpcThread exitTask exitProcess    none
 *     mmap      size, writable, shared
 *     setCms    maxMsgSize
 *     version   checked (0 or 1), major, minor
 *     cmsCmd    cmd, of (value), handle (value), handle to save in
 *     ioctlRaw  cmd, arg (64 bits)
 *     msg       flag, optional out, free target, message to save in
 *     fork      child process
 *     sleep     ms
 *     pool      bytes, or TABLE_NONE for empty
 *     join      label
 *   free target   kind, then by kind: message and offset (64 bits); message and index; address (64
 *                 bits)
 *   out       seven values: type handle token cookie code flag timestamp; overrides (bits of
 *             enum TableOverride), dataSz, spObjNum, offsets (list), data (list of parts)
 *   wanted message   bits of enum TableField; a value for each bit of the first six; dataSz,
 *             spObjNum, from (a task) and data (list of parts), each if its bit is set
 *   part      kind, then by kind: a value; a string; byte and size; descriptor; a list of parts;
 *             three values (handle, token, cookie); type; size
 */
#ifndef CONFORMANCE_TABLE_H
#define CONFORMANCE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_MAGIC   0x5049434CU /* "LCIP" in memory order */
#define TABLE_VERSION 1U
#define TABLE_NONE    0xFFFFFFFFU

#define TABLE_PROCESSES_MAX 63U
#define TABLE_TASKS_MAX     127U
/*
 * Depth limit of nested parts: an OBJ_PTR holds parts, and a sensible message has no OBJ_PTR inside
 * them.
 */
#define TABLE_DEPTH_MAX 4U
/* Largest data of one message or buffer, in bytes. It exceeds every pool. */
#define TABLE_DATA_MAX (1024U * 1024U)

enum TableFlag {
    TABLE_LP64_ONLY = 1, /* exact sizes of the LP64 ABI: `reason` says which */
    TABLE_SKIP = 2,      /* not for this target: `reason` says why */
};

enum ValueKind {
    VALUE_NUMBER,
    VALUE_TASK_ID,    /* of task `index` */
    VALUE_PROCESS_ID, /* of process `index` */
    VALUE_HANDLE,     /* saved by cmsCmd */
    VALUE_TIMESTAMP,  /* of a saved message */
    VALUE_KIND_COUNT,
};

/* A number: the value that the kind refers to plus `number`, modulo 2^64. */
struct Value {
    enum ValueKind kind;
    uint32_t index;
    uint64_t number;
};

enum PartKind {
    PART_U32,
    PART_U64,
    PART_BYTES,
    PART_FILL,
    PART_FD,
    PART_PTR,
    PART_SVC,
    PART_OBJECT, /* a SpecialObj of a type that does not exist; never wanted */
    PART_ANY,    /* bytes to be skipped; only wanted */
    PART_KIND_COUNT,
};

enum PartDescriptor {
    DESCRIPTOR_PIPE_READ,
    DESCRIPTOR_PIPE_WRITE,
    DESCRIPTOR_FILE,
    DESCRIPTOR_BAD,
    DESCRIPTOR_COUNT,
};

struct PartList {
    const struct Part *parts;
    uint32_t count;
};

/* A part begins at the next multiple of 8 bytes. */
struct Part {
    enum PartKind kind;
    uint32_t detail;       /* FILL: the byte; FD: enum PartDescriptor; OBJECT: the type */
    uint32_t size;         /* BYTES, FILL, ANY: bytes */
    const uint8_t *bytes;  /* BYTES */
    struct Value value[3]; /* U32, U64: the first; SVC: handle, token, cookie */
    struct PartList inner; /* PTR */
};

enum TableOverride {
    OVERRIDE_DATA_SIZE = 1,
    OVERRIDE_OBJECT_COUNT = 2,
    OVERRIDE_OFFSETS = 4,
    OVERRIDE_DATA_NULL = 8,
    OVERRIDE_OFFSETS_NULL = 16,
    OVERRIDE_ALL = 31,
};

struct OutMessage {
    struct Value type, handle, token, cookie, code, flag, timestamp;
    uint32_t overrides; /* bits of enum TableOverride: which of the following members replace the
                           layout */
    uint32_t dataSz, spObjNum;
    const uint32_t *offsets;
    uint32_t offsetCount;
    struct PartList data;
};

/* The first six fields have a value. */
enum TableField {
    FIELD_TYPE,
    FIELD_HANDLE,
    FIELD_TOKEN,
    FIELD_COOKIE,
    FIELD_CODE,
    FIELD_FLAG,
    FIELD_DATA_SIZE,
    FIELD_OBJECT_COUNT,
    FIELD_FROM,
    FIELD_DATA,
    FIELD_COUNT,
};
#define FIELD_VALUE_COUNT 6

struct WantedMessage {
    uint32_t fields; /* bit n: enum TableField n is checked */
    struct Value value[FIELD_VALUE_COUNT];
    uint32_t dataSz, spObjNum, from;
    struct PartList data;
};

enum FreeKind {
    FREE_NOTHING, /* a null pointer */
    FREE_MESSAGE, /* a saved message's address plus `number` */
    FREE_OBJECT,  /* the buffer of its object number `number` */
    FREE_ADDRESS, /* `number` itself */
    FREE_KIND_COUNT,
};

struct FreeTarget {
    enum FreeKind kind;
    uint32_t message;
    uint64_t number;
};

enum Action {
    ACTION_OPEN,
    ACTION_CLOSE,
    ACTION_SET_IPC_THREAD,
    ACTION_EXIT_TASK,
    ACTION_EXIT_PROCESS,
    ACTION_MMAP,
    ACTION_SET_CMS,
    ACTION_VERSION,
    ACTION_CMS_COMMAND,
    ACTION_IOCTL,
    ACTION_MESSAGE,
    ACTION_FORK,
    ACTION_SLEEP,
    ACTION_POOL,
    ACTION_JOIN,
    ACTION_COUNT,
};

/* The expected result: success, any error, or one of the errors listed in want.c. */
enum { WANT_OK, WANT_FAIL, WANT_FIRST_ERROR };

struct Step {
    uint32_t number; /* position in the scenario, from 1, for messages */
    uint32_t task;   /* TABLE_NONE in a join */
    enum Action action;
    uint32_t want;
    uint32_t start; /* label, or TABLE_NONE */

    uint32_t size;             /* MMAP, SET_CMS, POOL; SLEEP: ms */
    bool isWritable, isShared; /* MMAP */
    bool isChecked;            /* VERSION */
    uint32_t major, minor;     /* VERSION */
    uint32_t command;          /* CMS_COMMAND, IOCTL */
    uint32_t flag;             /* MESSAGE: bits SEND, RECV, BUFF_FREE */
    uint64_t argument;         /* IOCTL */
    struct Value of, handle;   /* CMS_COMMAND */
    uint32_t save;             /* CMS_COMMAND: handle; MESSAGE: message; or TABLE_NONE */
    const struct OutMessage *out;
    struct FreeTarget toFree;
    uint32_t process; /* FORK: the child */
    uint32_t label;   /* JOIN */
    const struct WantedMessage *wanted;
};

struct ScenarioProcess {
    const char *name;
    uint32_t firstTask, taskCount;
    uint32_t forker; /* the process that forks it; TABLE_NONE: an initial process */
};

struct ScenarioTask {
    const char *name;
    uint32_t process;
};

struct Scenario {
    const char *name, *reason;
    uint32_t flags; /* of enum TableFlag */
    struct ScenarioProcess *processes;
    struct ScenarioTask *tasks;
    const char **handles, **messages; /* names of the handles and messages that steps save */
    struct Step *steps;
    uint32_t processCount, taskCount, handleCount, messageCount, labelCount, stepCount;
    struct Block *blocks; /* the memory of the scenario */
};

#define TABLE_ERROR_SIZE 160

/*
 * Decodes and checks a table of `count` words: every index is in range, every list is complete, and
 * no words are left. Returns 0 (the caller calls ScenarioFree), -EINVAL for an invalid table, with
 * a sentence in `error`, or -ENOMEM. The caller may free the table afterwards.
 */
int ScenarioDecode(const uint32_t *words, size_t count, struct Scenario *scenario,
                   char error[TABLE_ERROR_SIZE]);
void ScenarioFree(struct Scenario *scenario);

/* Defined in want.c, like the following. Returns the number of valid wants. */
uint32_t WantCount(void);
/* Returns the errno of a want in [WANT_FIRST_ERROR, WantCount()). */
int WantErrno(uint32_t want);
/* Returns "OK", "FAIL" or the name of the error. */
const char *WantName(uint32_t want);
/* Returns the name of an error, such as "EINVAL"; if it has none, "errno 99" in `text`. */
const char *ErrorName(int error, char text[32]);

#endif
