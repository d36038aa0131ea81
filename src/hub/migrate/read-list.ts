import { Commands, hasSecrets } from '../../protocol/index.ts'
import type { CommandLine } from '../store/commands.ts'
import type { ListName, ListOf, WritableContents } from '../store/contents.ts'
import { damagedStore } from './damaged-store.ts'

/**
 * Returns a list as it must be copied.
 * @param unreadable called for each record that cannot be read
 * @throws UserError if the list cannot be read
 */
export async function readList<N extends ListName>(
  store: WritableContents,
  name: N,
  unreadable?: () => void,
): Promise<readonly ListOf<N>[]> {
  const records = await store.list(name, damagedStore(store, unreadable))
  return name === 'commands'
    ? (withoutOldSecrets(records as readonly CommandLine[]) as readonly object[] as readonly ListOf<N>[])
    : records
}

/** Leaves out commands with secrets that were answered: a hub that was killed may not have erased them yet. */
function withoutOldSecrets(lines: readonly CommandLine[]): CommandLine[] {
  const answered = new Set(lines.flatMap((line) => ('outcome' in line ? [line.outcome.command_id] : [])))
  return lines.filter(
    (line) =>
      'outcome' in line ||
      !answered.has(line.command.command_id) ||
      !hasSecrets(Commands[line.command.type], line.command),
  )
}
