import { createHash } from 'node:crypto'
import type { Enrolment } from '../../src/protocol/index.ts'
import type { TestHub } from './hub.ts'

/** Key of the enrolling machine. */
export const KEY = 'fmk_of-a-test'

/** Hash of `KEY`. The machine sends this hash instead of the key. */
export const key_sha256 = createHash('sha256').update(KEY).digest('hex')

/** Sends an enrollment, as a machine does. */
export const postEnrollment = (hub: TestHub, body: object) =>
  fetch(`${hub.url}/enroll`, {
    method: 'POST',
    body: JSON.stringify({ hostname: 'box', key_sha256, ...body }),
  })

/** Makes a token for one machine. */
export const openEnrollment = (hub: TestHub, body: object = {}) =>
  hub.api<Enrolment>('POST', '/api/enrolments', body)

/** Returns the error in an answer. */
export const errorOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string; path?: string } }).error
