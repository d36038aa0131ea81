import { HubFailure } from '../../client/hub-failure.ts'
import { newId } from '../session/new-id.ts'

/**
 * Chooses the ids of the commands that a person gives. If a failure leaves open whether the hub has a command,
 * a repeat of the same command has the same id, so that it is carried out once.
 */
export class CommandIds {
  readonly #newId: () => string
  #open: { command: string; id: string } | undefined

  constructor(makeId = newId) {
    this.#newId = makeId
  }

  /** Sends a command with an id. @param command everything that distinguishes it from other commands */
  async send<T>(command: unknown, request: (id: string) => Promise<T>): Promise<T> {
    const text = JSON.stringify(command)
    const id = this.#open?.command === text ? this.#open.id : this.#newId()
    this.#open = { command: text, id }
    try {
      const result = await request(id)
      this.#open = undefined
      return result
    } catch (error) {
      if (!isSettled(error)) throw withRemedy(error)
      this.#open = undefined
      throw error
    }
  }
}

/** Reports whether a failure proves that the hub has refused the command or that the machine has failed it. */
const isSettled = (error: unknown) =>
  error instanceof HubFailure && (error.kind === 'refused' || error.kind === 'unauthorized')

/** Tells the person that a repeat is safe. */
function withRemedy(error: unknown) {
  if (!(error instanceof HubFailure) || (error.remedy !== undefined && error.kind !== 'unreachable'))
    return error
  const remedy = 'Try again: if the hub has it already, it is not done twice.'
  const { kind, message, code, path, cause } = error
  return new HubFailure(kind, message, { code, remedy, path, cause })
}
