/** Finds tasks that are still alive. Handles are reused, so a handle alone is not enough. */
import type { NativeDevice, NativeTaskInfo } from '../../types/native.js';

type TaskTable = Pick<NativeDevice, 'query'>;

/** Returns the task with this handle and generation; undefined if it has ended. */
export function livingTask(
  native: TaskTable,
  { handle, generation }: { readonly handle: number; readonly generation: number },
): NativeTaskInfo | undefined {
  const task = native.query(handle);
  return task?.alive === true && task.generation === generation ? task : undefined;
}

/** Returns the task of a caller; undefined if its process has ended. */
export function livingCaller(
  native: TaskTable,
  { taskId, processId }: { readonly taskId: number; readonly processId: number },
): NativeTaskInfo | undefined {
  const task = native.query(taskId);
  return task?.alive === true && task.processId === processId ? task : undefined;
}
