import type { AgentStatus } from '../../protocol/index.ts'
import { cut } from '../../protocol/shorten.ts'

type Task = NonNullable<AgentStatus['background_tasks']>[number]

/** Maximum number of tasks in a status, and maximum length of each of their texts, in characters. */
const TASKS = 32
const CHARS = 200

/**
 * Returns an agent's background tasks, read from the list that the runtime reports.
 * @returns undefined if there are none
 */
export function backgroundTasks(listed: unknown[]): Task[] | undefined {
  const tasks = listed.slice(0, TASKS).flatMap((entry): Task[] => {
    const { task_id, task_type, description } = (entry ?? {}) as Record<string, unknown>
    if (typeof task_id !== 'string') return []
    return [
      {
        task_id: cut(task_id, CHARS),
        ...(typeof task_type === 'string' && { task_type: cut(task_type, CHARS) }),
        ...(typeof description === 'string' && { description: cut(description, CHARS) }),
      },
    ]
  })
  return tasks.length > 0 ? tasks : undefined
}
