import * as z from 'zod/mini'
import { HubMachine } from '../protocol/hub-objects.ts'
import {
  BlockedVersion,
  HubRollout,
  HubRolloutSummary,
  type PlaceRequest,
  type RolloutRequest,
} from '../protocol/hub-rollouts.ts'
import { idInAddress } from '../protocol/machine-address.ts'
import type { HubRequests } from './hub-requests.ts'

const Rollouts = z.object({ rollouts: z.array(HubRolloutSummary) })
const Blocked = z.object({ versions: z.array(BlockedVersion) })

/** An order of a person about a rollout. */
export type RolloutOrder = 'pause' | 'resume' | 'roll-back' | 'cancel'

const LACKING = { lacking: 'rollouts' }

const rolloutPath = (id: string, rest = '') => `/api/rollouts/${encodeURIComponent(id)}${rest}`
const versionPath = (version: string) => `/api/blocked-versions/${encodeURIComponent(version)}`

/** Requests about groups, staged updates, and blocked versions. Changes need an admin key. */
export class HubRollouts {
  readonly #hub: HubRequests

  constructor(hub: HubRequests) {
    this.#hub = hub
  }

  /** Puts a machine in a group, and sets its labels. */
  place(machineId: string, body: PlaceRequest): Promise<HubMachine> {
    const path = `/api/machines/${encodeURIComponent(idInAddress(machineId))}/place`
    return this.#hub.json(path, HubMachine, { method: 'POST', body, lacking: 'groups of machines' })
  }

  /** Returns all rollouts without their machines, newest first. */
  async list(): Promise<HubRolloutSummary[]> {
    return (await this.#hub.json('/api/rollouts', Rollouts, LACKING)).rollouts
  }

  get(id: string): Promise<HubRollout> {
    return this.#hub.json(rolloutPath(id), HubRollout, LACKING)
  }

  begin(body: RolloutRequest): Promise<HubRollout> {
    return this.#hub.json('/api/rollouts', HubRollout, { method: 'POST', body, ...LACKING })
  }

  order(id: string, order: RolloutOrder): Promise<HubRollout> {
    return this.#hub.json(rolloutPath(id, `/${order}`), HubRollout, { method: 'POST', ...LACKING })
  }

  async blocked(): Promise<BlockedVersion[]> {
    return (await this.#hub.json('/api/blocked-versions', Blocked, LACKING)).versions
  }

  block(version: string, reason: string | undefined): Promise<BlockedVersion> {
    const body = { ...(reason !== undefined && { reason }) }
    return this.#hub.json(versionPath(version), BlockedVersion, { method: 'POST', body, ...LACKING })
  }

  async unblock(version: string): Promise<void> {
    await this.#hub.json(versionPath(version), z.object({}), { method: 'DELETE', ...LACKING })
  }
}
