import { createHash } from 'node:crypto'

/**
 * Returns a UUID derived from its parts. The same command always gives the same input id. If an interrupted
 * command is repeated, it is therefore completed, and not carried out twice.
 */
export function uuidFrom(...parts: (string | number)[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest()
  hash[6] = (hash[6]! & 0x0f) | 0x80
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = hash.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}

/** Returns a digest that identifies a line: 128 bits of its SHA-256, in hexadecimal. */
export const digestOf = (line: Uint8Array) => createHash('sha256').update(line).digest('hex').slice(0, 32)

/**
 * Returns the id under which the inbox records that a permission request was answered. The id does not depend
 * on the command that answered the request. Versions up to 0.1.0 identify requests by their ids alone.
 */
export const answeredId = (
  agentId: string,
  { request_id, digest }: { request_id: string; digest?: string | undefined },
) => uuidFrom('answered', agentId, request_id, ...(digest === undefined ? [] : [digest]))

/**
 * Returns the id of an input that the daemon sends in response to a line of the journal. Reading the line
 * again gives the same id, so that the input is sent only once.
 */
export const repliedId = (agentId: string, run: number, offset: number, index: number) =>
  uuidFrom('replied', agentId, run, offset, index)

/**
 * Returns the id of an answer that depends only on the request, such as a refusal. The id depends on the run,
 * since another run may reuse the request's id.
 */
export const refusedId = (agentId: string, run: number, requestId: string) =>
  uuidFrom('refused', agentId, run, requestId)

/** Returns the id of a command's prompt. */
export const promptId = (agentId: string, commandId: string) => uuidFrom('prompt', agentId, commandId)

/** Returns the id under which the inbox records that a prompt was withdrawn before the agent had begun it. */
export const withdrawnId = (promptId: string) => uuidFrom('withdrawn', promptId)

/** Returns the id under which the inbox records that the daemon writes a line about a withdrawn prompt. */
export const withdrawnLineId = ({ prompt_id, by, time }: { prompt_id: string; by?: string; time?: string }) =>
  uuidFrom('withdrawn-line', prompt_id, by ?? '', time ?? '')

/** Returns the id under which the inbox records that a command has resumed an agent. */
export const resumedId = (agentId: string, commandId: string) => uuidFrom('resume', agentId, commandId)
