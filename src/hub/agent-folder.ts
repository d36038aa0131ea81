import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCode } from '../platform/errors.ts'
import { AgentId } from '../protocol/index.ts'

/** Between an agent's id and what tells it from that of another machine; no id has it. Older hubs pass over such a folder. */
const OF = '@'
/** Names of machines that can be part of a file's name. */
const PLAIN = /^[A-Za-z0-9_-]{1,64}$/

/** The id of the agent whose folder has this name; undefined for anything else. */
export function agentIdOf(name: string): string | undefined {
  const [id = ''] = name.split(OF)
  return AgentId.safeParse(id).success ? id : undefined
}

/**
 * The name for the folder of a new agent: its id, or, where that is another machine's agent, id and machine.
 * @param taken whether an agent has a folder of this name
 */
export function folderFor(
  { machine_id, agent_id }: { machine_id: string; agent_id: string },
  taken: (name: string) => boolean,
): string {
  if (!taken(agent_id)) return agent_id
  const machine = PLAIN.test(machine_id)
    ? machine_id
    : createHash('sha256').update(machine_id).digest('hex').slice(0, 32)
  const base = `${agent_id}${OF}${machine}`
  let name = base
  // Such a one may have been given to another machine.
  for (let n = 2; taken(name); n++) name = `${base}.${n}`
  return name
}

/**
 * Makes the folder of an agent, and the one that all of them are in; not the hub's own, which is never made anew beneath
 * a running hub.
 * @throws the system's error
 */
export function makeAgentFolder(path: string) {
  for (const each of [dirname(path), path])
    try {
      mkdirSync(each, { mode: 0o700 })
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
}
