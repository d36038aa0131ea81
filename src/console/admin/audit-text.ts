import type { AuditEntry } from '../../protocol/audit.ts'

/** Orders in words: the order as done, and as attempted. */
const ORDERS: Readonly<Record<string, readonly [did: string, tried: string]>> = {
  'agent:start': ['started the agent', 'start the agent'],
  'agent:prompt': ['sent a prompt to the agent', 'send a prompt to the agent'],
  'agent:withdraw': ['withdrew a prompt from the agent', 'withdraw a prompt from the agent'],
  'agent:interrupt': ['interrupted the agent', 'interrupt the agent'],
  'agent:permission': ['decided a request of the agent', 'decide a request of the agent'],
  'agent:answer': ['answered a question of the agent', 'answer a question of the agent'],
  'agent:configure': ['changed settings of the agent', 'change settings of the agent'],
  'agent:stop': ['stopped the agent', 'stop the agent'],
  'agent:resume': ['resumed the agent', 'resume the agent'],
  'agent:merge': ['merged the branch of the agent', 'merge the branch of the agent'],
  'agent:discard': ['removed the working tree of the agent', 'remove the working tree of the agent'],
  'agent:remove': ['removed the agent', 'remove the agent'],
  'agent:move': ['moved the agent', 'move the agent'],
  'machine:check': ['checked the machine', 'check the machine'],
  'machine:rename': ['renamed the machine', 'rename the machine'],
  'machine:remove': ['removed the machine', 'remove the machine'],
  'machine:enroll': ['enrolled a machine', 'enroll a machine'],
  'machine:place': [
    'changed the group or labels of the machine',
    'change the group or labels of the machine',
  ],
  'rollout:begin': ['started the rollout', 'start a rollout'],
  'rollout:pause': ['paused the rollout', 'pause the rollout'],
  'rollout:resume': ['resumed the rollout', 'resume the rollout'],
  'rollout:roll-back': ['rolled back the rollout', 'roll back the rollout'],
  'rollout:cancel': ['canceled the rollout', 'cancel the rollout'],
  'version:block': ['blocked the version', 'block the version'],
  'version:unblock': ['unblocked the version', 'unblock the version'],
  'daemon:restart': ['restarted the daemon', 'restart the daemon'],
  'daemon:update': ['updated the daemon', 'update the daemon'],
  'key:create': ['created a key', 'create a key'],
  'key:bind': ['bound the key', 'bind the key'],
  'key:rotate': ['rotated the key', 'rotate the key'],
  'key:revoke': ['revoked the key', 'revoke the key'],
  'token:create': ['made a line that adds a machine', 'make a line that adds a machine'],
  'token:cancel': ['canceled a line that adds a machine', 'cancel a line that adds a machine'],
  'push:configure': ['chose kinds of notifications', 'choose kinds of notifications'],
  'push:subscribe': ['turned on notifications in a browser', 'turn on notifications in a browser'],
  'push:unsubscribe': ['turned off notifications of a browser', 'turn off notifications of a browser'],
  'audit:rotate': ['deleted the oldest entries of the audit log', 'delete entries of the audit log'],
  'audit:lose': ['lost entries of the audit log', 'keep all entries of the audit log'],
}

const OUTCOMES: Readonly<Record<string, string>> = {
  ordered: 'in progress',
  succeeded: 'done',
  failed: 'failed',
  refused: 'refused',
  repeated: 'repeated',
}

/** The parts of a sentence about an entry. Names are apart, because they come from machines and people. */
export interface AuditText {
  who: string
  /** The order in words, such as `stopped the agent` or `tried to stop the agent`. */
  order: string
  agent_id: string | undefined
  machine_id: string | undefined
  /** Id of the key or token, if the order applies to one. */
  target: string | undefined
  /** Outcome with its reason, such as `refused: forbidden`. */
  outcome: string
  look: 'done' | 'open' | 'problem'
}

/** Returns an entry of the audit log in words. Newer hubs may have other orders and outcomes. */
export function auditText(entry: AuditEntry): AuditText {
  const { by, from, action, code, outcome, times } = entry
  const named = [`gave the order ${action}`, `give the order ${action}`] as const
  const [did, tried] = Object.hasOwn(ORDERS, action) ? ORDERS[action]! : named
  const isTry = outcome === 'failed' || outcome === 'refused'
  const more = times === undefined ? '' : ` (${times} more times)`
  return {
    who: by ?? (action.startsWith('audit:') ? 'The hub' : (from ?? 'A person without a key')),
    order: isTry ? `tried to ${tried}` : did,
    agent_id: entry.agent_id,
    machine_id: entry.machine_id,
    target: entry.target,
    outcome: `${OUTCOMES[outcome] ?? outcome}${code === undefined ? '' : `: ${code}`}${more}`,
    look: isTry ? 'problem' : outcome === 'ordered' ? 'open' : 'done',
  }
}

/**
 * Joins the two entries of each order. The entry with the outcome has less facts, so it takes those of the first
 * entry. Entries whose other half is not in the list stay separate.
 * @param entries the oldest first
 * @returns the newest first
 */
export function joined(entries: AuditEntry[]): AuditEntry[] {
  /** Positions of first entries in `shown`. A command's first entry is named by its number and its id. */
  const open = new Map<string, number>()
  const shown: AuditEntry[] = []
  for (const entry of entries) {
    const { n, of, command_id, outcome } = entry
    const id = command_id === undefined ? undefined : `id ${command_id}`
    if (outcome === 'ordered') {
      open.set(`n ${n}`, shown.length)
      if (id !== undefined) open.set(id, shown.length)
    }
    const name = of === undefined ? id : `n ${of}`
    const at =
      outcome === 'ordered' || outcome === 'repeated' || name === undefined ? undefined : open.get(name)
    if (at === undefined) shown.push(entry)
    else shown[at] = settled(shown[at]!, entry)
  }
  return shown.reverse()
}

/** Returns one entry for an order and its outcome. */
function settled(first: AuditEntry, last: AuditEntry): AuditEntry {
  const details = { ...first.details, ...last.details }
  const { n, at } = first
  return { ...first, ...last, n, at, ...(Object.keys(details).length > 0 && { details }) }
}
