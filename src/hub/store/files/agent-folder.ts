import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCode } from '../../../platform/errors.ts'
import { ifPresent } from '../../../platform/or-undefined.ts'
import { AgentId } from '../../../protocol/index.ts'

/**
 * Separates the agent's id from the machine's id in a folder name. No id contains it, and older hubs skip
 * such folders.
 */
const OF = '@'
/** Pattern of machine ids that can be part of a file name. */
const PLAIN = /^[A-Za-z0-9_-]{1,64}$/

/** Returns the id of the agent whose folder has this name; undefined for any other name. */
export function agentIdOf(name: string): string | undefined {
  const [id = ''] = name.split(OF)
  return AgentId.safeParse(id).success ? id : undefined
}

/** Returns the names of all agents' folders. @param dir folder with a folder per agent @throws the system error */
export const agentFolders = (dir: string): string[] =>
  (ifPresent(() => readdirSync(dir)) ?? []).filter((name) => agentIdOf(name) !== undefined)

/** Reports whether a folder with this name belongs to the agent with this id. */
export const isFolderOf = (name: string, agentId: string) =>
  name === agentId || name.startsWith(`${agentId}${OF}`)

/**
 * Returns the folder name for a new agent: the agent's id. If an agent of another machine has that folder,
 * returns the agent's id with the machine's id.
 * @param taken reports whether an agent's folder has this name
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
  // The agent in this folder may have been moved to another machine.
  for (let n = 2; taken(name); n++) name = `${base}.${n}`
  return name
}

/**
 * Creates the folder of an agent and its parent `agents`. Does not create the hub's own folder: a running hub
 * must not recreate it.
 * @throws the system error
 */
export function makeAgentFolder(path: string) {
  for (const each of [dirname(path), path])
    try {
      mkdirSync(each, { mode: 0o700 })
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
}

// `join` would take as long as reading the file's time, and there may be thousands of agents.
/** Returns the path of an agent's record. @param dir folder with a folder per agent */
export const recordPath = (dir: string, key: string) => `${dir}/${key}/agent.json`
/** Returns the path of an agent's history. @param dir folder with a folder per agent */
export const journalPath = (dir: string, key: string) => `${dir}/${key}/activity.jsonl`
