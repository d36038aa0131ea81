import { createHash } from 'node:crypto'

/**
 * A uuid made of what it stands for: the same command makes the same input however often it is carried out, which is
 * how a command that was interrupted half-way is finished instead of done twice.
 */
export function uuidFrom(...parts: (string | number)[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest()
  hash[6] = (hash[6]! & 0x0f) | 0x80
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = hash.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}

/** Returns the mark of an answered permission request, whichever command answered it. */
export const answeredId = (agentId: string, requestId: string) => uuidFrom('answered', agentId, requestId)

/** Returns the id of the refusal of an unknown request. Another run may use the request's id again. */
export const refusedId = (agentId: string, run: number, requestId: string) =>
  uuidFrom('refused', agentId, run, requestId)

/** Returns the mark of a command that has resumed an agent. */
export const resumedId = (agentId: string, commandId: string) => uuidFrom('resume', agentId, commandId)
