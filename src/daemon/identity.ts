import type { DaemonConfig } from '../config/daemon-config.ts'
import { keepIdentity, keptIdentity } from '../config/kept-identity.ts'
import type { StatePaths } from '../config/paths.ts'
import { type Machine, openMachine } from './machine.ts'

/**
 * Opens this machine's identity from its state folder. If the identity is lost there, opens the copy that the
 * daemon keeps next to the key.
 */
export function openIdentity({ key, key_file: file }: DaemonConfig, paths: StatePaths, now: string): Machine {
  if (file === undefined) return openMachine(paths.machine, now)
  const kept = keptIdentity({ key, file })
  const machine = openMachine(paths.machine, now, kept?.state_dir === paths.dir ? kept.machine_id : undefined)
  const saved = async () => {
    await machine.saved()
    keepIdentity({ key, file }, machine.machine_id, paths.dir)
  }
  return { ...machine, saved }
}
