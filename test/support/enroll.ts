import { createHash } from 'node:crypto'
import type { EnrollRequest, Enrolment } from '../../src/protocol/index.ts'

export interface Enroll {
  url: string
  userKey: string
  name?: string | undefined
  /** Fields of the request, instead of the fields of a new machine. */
  rest?: Partial<EnrollRequest>
  /** Key that the machine already has, and shows to the hub. */
  shown?: string | undefined
}

/** Enrolls a machine at a hub. @returns the machine's key */
export async function enroll({ url, userKey, name, rest = {}, shown }: Enroll): Promise<string> {
  const post = async <T>(path: string, key: string | undefined, body: object): Promise<T> => {
    const answer = await fetch(url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      ...(key !== undefined && { headers: { authorization: `Bearer ${key}` } }),
    })
    if (!answer.ok) throw new Error(await answer.text())
    return (await answer.json()) as T
  }
  const { token } = await post<Enrolment>('/api/enrolments', userKey, name === undefined ? {} : { name })
  const key = `fmk_${token}`
  const key_sha256 = createHash('sha256').update(key).digest('hex')
  await post('/enroll', shown, { token, key_sha256, hostname: 'host-1', ...rest })
  return key
}
