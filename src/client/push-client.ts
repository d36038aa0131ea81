import * as z from 'zod/mini'
import { HubSubscription, type PushSettings, PushState, type SubscribeRequest } from '../protocol/hub-push.ts'
import type { HubFailure } from './hub-failure.ts'
import { HubRequests } from './hub-requests.ts'
import type { Transport } from './transport.ts'

/** Requests of the hub's HTTP API about notifications. The methods throw `HubFailure`. */
export class PushClient {
  readonly #hub: HubRequests

  constructor(transport: Transport) {
    this.#hub = new HubRequests(transport, (failure: HubFailure) => failure)
  }

  state(): Promise<PushState> {
    return this.#hub.json('/api/push', PushState, { lacking: 'notifications' })
  }

  /** Chooses the kinds of notifications. */
  choose(kinds: string[]): Promise<PushState> {
    const body: PushSettings = { kinds }
    return this.#hub.json('/api/push', PushState, { method: 'PATCH', body })
  }

  subscribe(body: SubscribeRequest): Promise<HubSubscription> {
    return this.#hub.json('/api/push/subscriptions', HubSubscription, { method: 'POST', body })
  }

  async remove(subscriptionId: string): Promise<void> {
    const path = `/api/push/subscriptions/${encodeURIComponent(subscriptionId)}`
    await this.#hub.json(path, z.object({}), { method: 'DELETE' })
  }
}
