/* Implements the control requests of event loops. */
#include <errno.h>

#include "kernel/thread_control.h"
#include "liteipc/liteipc.h"

static int RequestOf(const struct LiteIpcControlRequest *request, struct ControlMessage *message)
{
    uint32_t taskID = request->task == NULL ? 0 : request->task->taskID;
    if (request->task == NULL && request->operation != LITEIPC_CONTROL_TASK_CREATE) {
        return -EINVAL;
    }
    *message = (struct ControlMessage){.object = {.id = taskID}};
    switch (request->operation) {
        case LITEIPC_CONTROL_TASK_CREATE:
            message->type = CONTROL_TASK_CREATE;
            return 0;
        case LITEIPC_CONTROL_TASK_EXIT:
            message->type = CONTROL_TASK_EXIT;
            return 0;
        case LITEIPC_CONTROL_SET_CMS:
            message->type = CONTROL_SET_CMS;
            message->cms = (struct ControlCms){.taskID = taskID, .maxMsgSize = request->value0};
            return 0;
        case LITEIPC_CONTROL_SET_IPC_TASK:
            message->type = CONTROL_SET_IPC_TASK;
            return 0;
        case LITEIPC_CONTROL_GEN_HANDLE:
        case LITEIPC_CONTROL_ADD_ACCESS:
            message->type = CONTROL_CMS_COMMAND;
            message->cmsCommand = (struct ControlCmsCommand){
                .callerTaskID = taskID,
                .cmd = request->operation == LITEIPC_CONTROL_GEN_HANDLE ? CMS_GEN_HANDLE
                                                                        : CMS_ADD_ACCESS,
                .taskID = request->value0,
                .taskGeneration = request->value2,
                .serviceHandle = request->value1,
                .serviceGeneration = request->value3};
            return 0;
        case LITEIPC_CONTROL_REMOVE_ACCESS:
            message->type = CONTROL_REMOVE_ACCESS;
            message->access = (struct ControlAccess){.callerTaskID = taskID,
                                                     .processID = request->value0,
                                                     .serviceHandle = request->value1,
                                                     .processGeneration = request->value2,
                                                     .serviceGeneration = request->value3};
            return 0;
        default:
            return -EINVAL;
    }
}

int LiteIpcControlStart(struct LiteIpcThread *thread, const struct LiteIpcControlRequest *request,
                        uint64_t userData)
{
    struct ControlMessage message;
    int status = RequestOf(request, &message);
    if (status != 0) {
        return status;
    }
    struct ControlPending pending = {
        .kind = PENDING_EVENT, .task = request->task, .userData = userData};
    return ThreadControlStart(thread, &message, NULL, 0, pending);
}
