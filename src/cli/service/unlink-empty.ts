import { rmdirSync } from 'node:fs'
import type { At } from '../../service/manager.ts'
import { type ManagerName, serviceFiles } from '../../service/plan.ts'

/** Removes the empty folders of an uninstalled service. */
export function unlinkEmpty(manager: ManagerName, { name, home }: At) {
  const { dir, unit } = serviceFiles(manager, name, home)
  for (const path of [dir, `${unit}.d`])
    try {
      rmdirSync(path)
    } catch {
      // The folder is not empty, or no longer exists.
    }
}
