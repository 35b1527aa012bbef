/*
 * Tests descriptors, blocks of memory and services in messages between processes. The main process
 * is the ServiceManager; the service and the client are children.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "support/device.h"

#define SERVICE 1
#define FDS_MAX 16
#define BLOCK   3000

enum {
    CODE_WRITE = 10,
    CODE_MANY = 11,
    CODE_BLOCKS = 12,
    CODE_CALLBACK = 13,
    CODE_END = 14,
    CODE_HELLO = 15
};

static size_t PoolNodes(void)
{
    size_t nodes, bytes;
    int (*count)(size_t *, size_t *) =
        (int (*)(size_t *, size_t *))dlsym(RTLD_DEFAULT, "LiteIpcShimPoolCount");
    CHECK(count != NULL && count(&nodes, &bytes) == 0 && (nodes == 0) == (bytes == 0));
    return nodes;
}

static SpecialObj ObjectOf(const IpcMsg *msg, uint32_t index)
{
    SpecialObj object;
    uint32_t offset;
    CHECK(index < msg->spObjNum);
    memcpy(&offset, (const char *)msg->offsets + index * sizeof(offset), sizeof(offset));
    CHECK(offset + sizeof(object) <= msg->dataSz);
    memcpy(&object, (const char *)msg->data + offset, sizeof(object));
    return object;
}

static void WriteTo(int descriptor, const char *text)
{
    CHECK(write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
}

static int LowestFree(void)
{
    int lowest = dup(0);
    CHECK(lowest >= 0 && close(lowest) == 0);
    return lowest;
}

static void TakeMany(const IpcMsg *request)
{
    CHECK(request->spObjNum == FDS_MAX);
    for (uint32_t i = 0; i < FDS_MAX; i++) {
        SpecialObj object = ObjectOf(request, i);
        CHECK(object.type == OBJ_FD && object.content.fd < 256); /* like any other new descriptor */
    }
    /* They belong to the program, so closing all descriptors closes them, too. */
    for (int number = 3; number < 2000; number++) {
        (void)close(number);
    }
    CHECK(LowestFree() == 3);
}

static void TakeBlocks(int device, IpcMsg *request)
{
    CHECK(request->spObjNum == 2 && PoolNodes() == 3);
    for (uint32_t i = 0; i < 2; i++) {
        SpecialObj object = ObjectOf(request, i);
        const unsigned char *block = object.content.ptr.buff;
        CHECK(object.type == OBJ_PTR && object.content.ptr.buffSz == BLOCK);
        for (uint32_t k = 0; k < BLOCK; k++) {
            CHECK(block[k] == (unsigned char)(k * (i + 3)));
        }
        CHECK(Free(device, object.content.ptr.buff) == 0);
        CHECK_ERRNO(Free(device, object.content.ptr.buff), EFAULT);
    }
    CHECK(PoolNodes() == 1);
}

static void Serve(void)
{
    int device = DeviceReady();
    uint32_t value = 0;
    (void)Register(device, SERVICE);
    for (;;) {
        IpcMsg *request;
        CHECK(Receive(device, &request) == 0 && request->type == MT_REQUEST);
        uint32_t callback = 0;
        switch (request->code) {
            case CODE_WRITE: {
                SpecialObj object = ObjectOf(request, 0);
                CHECK(object.type == OBJ_FD);
                WriteTo((int)object.content.fd, "from the service");
                CHECK(close((int)object.content.fd) == 0);
                break;
            }
            case CODE_MANY:
                TakeMany(request);
                device = DeviceOpenOnly();
                break;
            case CODE_BLOCKS:
                TakeBlocks(device, request);
                break;
            case CODE_CALLBACK: {
                SpecialObj object = ObjectOf(request, 0);
                CHECK(object.type == OBJ_SVC && object.content.svc.token == 1);
                CHECK(object.content.svc.handle == request->taskID &&
                      object.content.svc.cookie == 99);
                callback = object.content.svc.handle;
                break;
            }
            default:
                CHECK(request->code == CODE_END);
                CHECK(PoolNodes() == 1);
                CHECK(Reply(device, request, MT_REPLY, &value, sizeof(value)) == 0);
                CHECK(PoolNodes() == 0);
                exit(0);
        }
        CHECK(Reply(device, request, MT_REPLY, &value, sizeof(value)) == 0);
        if (callback != 0) {
            IpcMsg hello = Request(callback, CODE_HELLO, "hello", 5);
            hello.flag = LITEIPC_FLAG_ONEWAY;
            CHECK(Send(device, &hello) == 0);
        }
    }
}

static int CallWith(int device, uint32_t handle, uint32_t code, SpecialObj *objects, uint32_t count)
{
    uint32_t offsets[FDS_MAX + 2];
    IpcMsg *reply;
    for (uint32_t i = 0; i < count; i++) {
        offsets[i] = i * (uint32_t)sizeof(SpecialObj);
    }
    IpcMsg request = Request(handle, code, objects, count * (uint32_t)sizeof(SpecialObj));
    request.spObjNum = count;
    request.offsets = count == 0 ? NULL : offsets;
    int status = Call(device, &request, &reply);
    if (status == 0) {
        CHECK(Free(device, reply) == 0);
    }
    return status;
}

static void PassDescriptors(int device, uint32_t handle)
{
    int ends[2];
    char text[32] = {0};
    CHECK(pipe(ends) == 0);
    SpecialObj object = {.type = OBJ_FD, .content = {.fd = (uint32_t)ends[1]}};
    CHECK(CallWith(device, handle, CODE_WRITE, &object, 1) == 0);
    /* The service has closed its copy: the end of file follows the text. */
    CHECK(close(ends[1]) == 0);
    CHECK(read(ends[0], text, sizeof(text)) == 16 && memcmp(text, "from the service", 16) == 0);
    CHECK(read(ends[0], text, sizeof(text)) == 0);
    CHECK(close(ends[0]) == 0);

    SpecialObj many[FDS_MAX + 1];
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i <= FDS_MAX; i++) {
        many[i] = (SpecialObj){.type = OBJ_FD, .content = {.fd = (uint32_t)null}};
    }
    CHECK(CallWith(device, handle, CODE_MANY, many, FDS_MAX) == 0);
    CHECK_ERRNO(CallWith(device, handle, CODE_MANY, many, FDS_MAX + 1), EINVAL);
    many[3].content.fd = 240;
    CHECK_ERRNO(CallWith(device, handle, CODE_MANY, many, FDS_MAX), EBADF);
    CHECK(close(null) == 0);
}

static void PassBlocks(int device, uint32_t handle)
{
    static unsigned char blocks[2][BLOCK];
    SpecialObj objects[2];
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t k = 0; k < BLOCK; k++) {
            blocks[i][k] = (unsigned char)(k * (i + 3));
        }
        objects[i] = (SpecialObj){.type = OBJ_PTR};
        objects[i].content.ptr.buffSz = BLOCK;
        objects[i].content.ptr.buff = blocks[i];
    }
    for (int round = 0; round < 50; round++) {
        CHECK(CallWith(device, handle, CODE_BLOCKS, objects, 2) == 0);
    }
    objects[1].content.ptr.buff = NULL;
    CHECK_ERRNO(CallWith(device, handle, CODE_BLOCKS, objects, 2), EINVAL);
}

static void PassService(int device, uint32_t handle)
{
    SpecialObj object = {.type = OBJ_SVC};
    object.content.svc.handle = (uint32_t)-1;
    object.content.svc.token = 2;
    CHECK_ERRNO(CallWith(device, handle, CODE_CALLBACK, &object, 1), EINVAL);
    object.content.svc.token = 1;
    object.content.svc.cookie = 99;
    CHECK(CallWith(device, handle, CODE_CALLBACK, &object, 1) == 0);
    IpcMsg *hello;
    CHECK(Receive(device, &hello) == 0 && hello->code == CODE_HELLO && hello->dataSz == 5);
    CHECK(memcmp(hello->data, "hello", 5) == 0 && hello->flag == LITEIPC_FLAG_ONEWAY);
    CHECK(hello->taskID == handle);
    CHECK(Free(device, hello) == 0);
}

static pthread_barrier_t watching;

/* A separate task for death notices, so that no notice ends a call of another task. */
static void *AwaitDeath(void *argument)
{
    int device = DeviceOpenOnly();
    uint32_t handle = *(uint32_t *)argument;
    int task = ioctl(device, IPC_SET_IPC_THREAD, 0);
    CHECK(task > 0 && (uint32_t)task != handle);
    (void)pthread_barrier_wait(&watching);
    IpcMsg *notice;
    CHECK(Receive(device, &notice) == 0 && notice->type == MT_DEATH_NOTIFY);
    CHECK(notice->target.token == handle && notice->target.handle == (uint32_t)task);
    CHECK(notice->dataSz == 0 && notice->spObjNum == 0);
    CHECK(Free(device, notice) == 0);
    return argument;
}

static void BeClient(void)
{
    pthread_t watcher;
    int device = DeviceReady();
    uint32_t handle = Lookup(device, SERVICE);
    CHECK(pthread_barrier_init(&watching, NULL, 2) == 0);
    CHECK(pthread_create(&watcher, NULL, AwaitDeath, &handle) == 0);
    (void)pthread_barrier_wait(&watching);
    PassDescriptors(device, handle);
    PassBlocks(device, handle);
    PassService(device, handle);
    (void)Ask(device, handle, CODE_END, 0);
    CHECK(pthread_join(watcher, NULL) == 0); /* the service exited, and this process had access */
    CHECK(PoolNodes() == 0);
}

int main(void)
{
    pid_t manager = StartManager();
    pid_t service = fork();
    CHECK(service >= 0);
    if (service == 0) {
        Serve();
    }
    pid_t client = fork();
    CHECK(client >= 0);
    if (client == 0) {
        BeClient();
        exit(0);
    }
    Await(client);
    Await(service);
    StopManager(DeviceReady(), manager);
    printf("ok\n");
    return 0;
}
