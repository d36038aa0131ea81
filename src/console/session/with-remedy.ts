import { HubFailure } from '../../client/hub-failure.ts'

/** Adds what a person can do in a browser to the failure of a request that the hub has not answered. */
export function withRemedy(failure: HubFailure): HubFailure {
  const { kind, message, code, path, cause, remedy } = failure
  if (kind !== 'unreachable' || remedy !== undefined) return failure
  return new HubFailure(kind, message, {
    ...{ code, path, cause },
    remedy: 'Check the connection of this device, and try again. The page also connects again by itself.',
  })
}
