import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Files of a control group, by name. */
const FILES = {
  'cgroup.procs': '',
  'cgroup.events': 'populated 0\nfrozen 0\n',
  'cgroup.kill': '',
  'cgroup.controllers': '',
  'cgroup.subtree_control': '',
}

/**
 * Makes a folder with files like the files of a control group. The test changes them as the kernel would.
 */
export function standInGroup(folder: string, files: Record<string, string> = {}) {
  mkdirSync(folder, { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  for (const [name, text] of Object.entries({ ...FILES, ...files })) write(name, text)
  return { folder, write, read: (name: string) => readFileSync(join(folder, name), 'utf8') }
}
