import { realPath } from '../../platform/real-path.ts'
import { isWithin, type PolicyRefusal } from '../../protocol/policy-rules.ts'
import type { Policy } from '../schema.ts'

/** Reports whether agents may use all folders. */
export const isUnlimited = ({ folders }: Policy) =>
  folders.deny.length === 0 && folders.allow.some((folder) => realPath(folder) === '/')

/** Refuses folders that agents may not use. Links are resolved first. */
export function refusedFolders({ folders }: Policy, paths: string[]): PolicyRefusal[] {
  const [allow, deny] = [folders.allow, folders.deny].map((list) => list.map((folder) => realPath(folder)))
  return paths.flatMap((path) => {
    const real = realPath(path)
    const shown = real === path ? path : `${path} (${real})`
    if (deny!.some((outer) => isWithin(real, outer)))
      return [{ key: 'folders.deny', message: `The machine's policy denies agents the folder ${shown}.` }]
    if (allow!.some((outer) => isWithin(real, outer))) return []
    return [
      { key: 'folders.allow', message: `The machine's policy does not allow agents in the folder ${shown}.` },
    ]
  })
}
