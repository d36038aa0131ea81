import type { CommandOf } from '../protocol/commands.ts'
import type { Signed } from '../protocol/signed.ts'

/** Fields of requests that read the folders of an agent. */
export interface ReadFields {
  diff: Partial<Pick<CommandOf<'workspace:diff'>, 'since' | 'paths' | 'stat' | 'after'>>
  file: Pick<CommandOf<'workspace:file'>, 'path'> &
    Partial<Pick<CommandOf<'workspace:file'>, 'folder' | 'from_line' | 'lines'>>
}

/** Returns the parameters of a request that reads folders. @param signed the signed command, if it is signed */
export function readQuery(
  fields: ReadFields['diff'] | ReadFields['file'],
  signed?: { command_id: string; signed: Signed },
): URLSearchParams {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    if (Array.isArray(value)) for (const path of value) query.append('path', path)
    else if (value !== undefined) query.set(name, String(value))
  }
  if (signed) {
    query.set('command_id', signed.command_id)
    query.set('signed', JSON.stringify(signed.signed))
  }
  return query
}
