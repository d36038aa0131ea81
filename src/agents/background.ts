import type { AgentStatus } from '../protocol/index.ts'

type Task = NonNullable<AgentStatus['background_tasks']>[number]

/** Maximum number of tasks in a status, and maximum length of each of their texts, in characters. */
const TASKS = 32
const CHARS = 200

/** Reads an agent's background tasks from the runtime's own list. @returns undefined if there are none */
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
