import type { AgentStatus } from '../protocol/index.ts'

type Task = NonNullable<AgentStatus['background_tasks']>[number]

/** Of many tasks, and of what a task is for, a status carries only so much. */
const TASKS = 32
const CHARS = 200

/** The tasks that run beside an agent's turns, from the runtime's own list; undefined where there are none. */
export function backgroundTasks(listed: unknown[]): Task[] | undefined {
  const tasks = listed.slice(0, TASKS).flatMap((entry): Task[] => {
    const { task_id, task_type, description } = (entry ?? {}) as Record<string, unknown>
    if (typeof task_id !== 'string') return []
    return [
      {
        task_id: task_id.slice(0, CHARS),
        ...(typeof task_type === 'string' && { task_type: task_type.slice(0, CHARS) }),
        ...(typeof description === 'string' && { description: description.slice(0, CHARS) }),
      },
    ]
  })
  return tasks.length > 0 ? tasks : undefined
}
