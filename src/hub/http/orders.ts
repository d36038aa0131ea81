import type { Context } from 'hono'
import type { Command } from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import type { Trails } from './audit-trails.ts'
import { callerOf } from './caller.ts'
import type { Lookup } from './lookup.ts'
import { waitMs } from './request.ts'
import { checkSigned } from './signed-order.ts'

export interface OrdersContext {
  commands: CommandQueue
  machines: MachineRegistry
  lookup: Lookup
  trails: Trails
}

/** Submits the commands in requests to machines, and answers the requests with the outcomes. */
export class Orders {
  readonly #context: OrdersContext

  constructor(context: OrdersContext) {
    this.#context = context
  }

  /**
   * Records a command, submits it to a machine, and waits for its outcome.
   * @param allowed throws an HttpError if the command is not allowed now
   * @returns the answer to the request
   */
  async submit(c: Context, machineId: string, parsed: Command, allowed = () => {}): Promise<Response> {
    const { commands, machines, lookup, trails } = this.#context
    // Reject an invalid `wait` before the command is submitted.
    waitMs(c)
    checkSigned(parsed)
    const { command_id } = parsed
    const order = { ...parsed, by: callerOf(c)?.name }
    const isNew = !commands.get(command_id)
    const there = machines.get(machineId)
    if (isNew) {
      allowed()
      // This check comes before `onOrder`: a refused command is only counted, and not recorded as an order.
      commands.check(machineId, order)
      await trails.onOrder(c, machineId, parsed)
    }
    await trails.confirm(c)
    // Repeat the checks. In the meantime, the same command or another start of the agent may have arrived, or
    // the machine may have been removed. No other code runs between these checks and the acceptance of the
    // command.
    const known = commands.get(command_id)
    if (isNew && there) lookup.machine(machineId)
    if (isNew && !known) allowed()
    const taken = await commands.submit(machineId, order)
    if (known) trails.onRepeated(c, taken, parsed)
    else trails.onHandedOver(c)
    return this.outcome(c, command_id)
  }

  /**
   * Waits for the outcome of a command, for at most the time that the request allows, and answers with the
   * outcome or the current state.
   */
  async outcome(c: Context, commandId: string): Promise<Response> {
    const known = await this.#context.commands.wait(commandId, waitMs(c), c.req.raw.signal)
    if (!known) throw new HttpError(404, 'command_not_found', `Command ${commandId} not found.`)
    return c.json(known, known.state === 'succeeded' ? 200 : known.state === 'failed' ? 422 : 202)
  }
}
