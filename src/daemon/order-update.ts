import { randomUUID } from 'node:crypto'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { Commands } from '../protocol/index.ts'
import { UpdateFailure } from '../update/failure.ts'
import type { Updates } from '../update/updates.ts'

const { version, allow_downgrade } = Commands['daemon:update'].shape
const Order = z.object({ version, allow_downgrade })

/**
 * Starts an update that a user of this machine ordered. The update's outcome is in update.json.
 * @throws Failure
 */
export async function orderUpdate(updates: Updates, body: unknown): Promise<{ command_id: string }> {
  const { version: requested, allow_downgrade } = read(body)
  const command_id = `local-${randomUUID()}`
  const begun = updates.run({ command_id, requested, allow_downgrade, origin: 'local' })
  // Report a refusal here, because an update that is refused at once is not recorded in update.json.
  const refused = await Promise.race([begun.then(() => undefined, asIs), tick()])
  if (refused instanceof UpdateFailure && refused.code === 'update_running') throw refused
  return { command_id }
}

/** Looks up the available version. @throws Failure */
export async function checkUpdate(updates: Updates, body: unknown) {
  return updates.check(read(body).version)
}

function read(body: unknown) {
  const order = Order.safeParse(body)
  if (order.success) return order.data
  const [issue] = order.error.issues
  throw new UserError('invalid_command', `${issue?.path.join('.')}: ${issue?.message}`, {
    remedy: 'Use an exact version, such as 1.2.3, or a dist-tag, such as latest.',
  })
}

const asIs = (error: unknown) => error
const tick = () => new Promise<undefined>((resolve) => setImmediate(resolve, undefined))
