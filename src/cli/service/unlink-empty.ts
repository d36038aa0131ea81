import { rmdirSync } from 'node:fs'
import type { At } from '../../service/manager.ts'
import { type ManagerName, serviceFiles } from '../../service/plan.ts'

/** Removes the folders of a service that has gone, where nothing else is in them. */
export function unlinkEmpty(manager: ManagerName, { name, home }: At) {
  const { dir, unit } = serviceFiles(manager, name, home)
  for (const path of [dir, `${unit}.d`])
    try {
      rmdirSync(path)
    } catch {
      // Something else is in it, or it is not there.
    }
}
