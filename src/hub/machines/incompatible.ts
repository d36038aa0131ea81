import * as z from 'zod/mini'
import { VERSION } from '../../platform/version.ts'
import { PROTOCOL, type Refuse } from '../../protocol/index.ts'
import { readHead } from '../../protocol/object-head.ts'

/** The part of a greeting that is read before the protocol versions are compared. */
const Protocol = z.object({
  type: z.literal('machine:hello'),
  protocol: z.object({ version: z.int(), minimum: z.int() }),
})

/** Returns the refusal of a greeting with an incompatible protocol version; undefined for all other frames. */
export function incompatible(frame: Buffer): Refuse | undefined {
  const read = Protocol.safeParse(Object.fromEntries(readHead(frame, ['type', 'protocol'])))
  if (!read.success) return undefined
  const { version, minimum } = read.data.protocol
  const isTooOld = version < PROTOCOL.minimum
  if (!isTooOld && minimum <= PROTOCOL.version) return undefined
  return {
    type: 'server:refuse',
    code: 'protocol_version',
    message: isTooOld
      ? `This daemon speaks protocol ${version}; the hub needs ${PROTOCOL.minimum} or newer.`
      : `This daemon needs protocol ${minimum} or newer; the hub speaks ${PROTOCOL.version}. Update the hub.`,
    ...(isTooOld && { update_to: VERSION }),
  }
}
