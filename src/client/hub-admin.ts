import * as z from 'zod/mini'
import { AuditPage } from '../protocol/audit.ts'
import { type HubKey, type KeyRequest, NewKey } from '../protocol/hub-keys.ts'
import { Enrolment, type EnrolmentRequest, type HubToken } from '../protocol/hub-objects.ts'
import { type AuditFilter, BoundKey, Keys, Removed, Tokens } from './hub-answers.ts'
import type { HubRequests } from './hub-requests.ts'

const keyPath = (keyId: string, rest = '') => `/api/keys/${encodeURIComponent(keyId)}${rest}`

/** Requests about keys, enrollment tokens, and the audit log. Most of them need an admin key. */
export class HubAdmin {
  readonly #hub: HubRequests

  constructor(hub: HubRequests) {
    this.#hub = hub
  }

  async keys(): Promise<HubKey[]> {
    return (await this.#hub.json('/api/keys', Keys, { lacking: 'a list of keys' })).keys
  }

  bindKey(keyId: string, machine_id: string): Promise<z.infer<typeof BoundKey>> {
    return this.#hub.json(keyPath(keyId, '/bind'), BoundKey, { method: 'POST', body: { machine_id } })
  }

  createKey(body: KeyRequest): Promise<NewKey> {
    return this.#hub.json('/api/keys', NewKey, { method: 'POST', body, lacking: 'keys with a role' })
  }

  rotateKey(keyId: string): Promise<NewKey> {
    const request = { method: 'POST', lacking: 'rotation of keys' } as const
    return this.#hub.json(keyPath(keyId, '/rotate'), NewKey, request)
  }

  async revokeKey(keyId: string): Promise<void> {
    await this.#hub.json(keyPath(keyId), Removed, { method: 'DELETE' })
  }

  async tokens(): Promise<HubToken[]> {
    return (await this.#hub.json('/api/enrolments', Tokens, { lacking: 'a list of tokens' })).enrolments
  }

  openEnrolment(body: Partial<EnrolmentRequest>): Promise<Enrolment> {
    return this.#hub.json('/api/enrolments', Enrolment, { method: 'POST', body })
  }

  async cancelToken(tokenId: string): Promise<void> {
    const path = `/api/enrolments/${encodeURIComponent(tokenId)}`
    await this.#hub.json(path, z.object({}), { method: 'DELETE' })
  }

  /**
   * Returns entries of the audit log that match `filter`: the newest entries, or the entries after number
   * `after`.
   */
  audit(filter: AuditFilter, { after, limit }: { after?: number; limit: number }): Promise<AuditPage> {
    const query = new URLSearchParams({
      limit: String(limit),
      ...(after !== undefined && { after: String(after) }),
    })
    for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value)
    return this.#hub.json(`/api/audit?${query}`, AuditPage, { lacking: 'an audit log' })
  }
}
