import { createHash } from 'node:crypto'
import type { EnrollRequest, Enrolment } from '../../src/protocol/index.ts'

interface Redeem {
  url: string
  token: string
  /** Fields of the request, instead of the fields of a new machine. */
  rest?: Partial<EnrollRequest>
  /** Key that the machine already has, and shows to the hub. */
  shown?: string | undefined
}

export interface Enroll extends Omit<Redeem, 'token'> {
  userKey: string
  name?: string | undefined
}

/** Enrolls a machine at a hub. @returns the machine's key */
export async function enroll({ url, userKey, name, ...machine }: Enroll): Promise<string> {
  const body = name === undefined ? {} : { name }
  const { token } = (await post(`${url}/api/enrolments`, userKey, body)) as Enrolment
  return redeem({ url, token, ...machine })
}

/** Enrolls a machine with a token that a person has made. @returns the machine's key */
export async function redeem({ url, token, rest = {}, shown }: Redeem): Promise<string> {
  const key = `fmk_${token}`
  const key_sha256 = createHash('sha256').update(key).digest('hex')
  await post(`${url}/enroll`, shown, { token, key_sha256, hostname: 'host-1', ...rest })
  return key
}

async function post(url: string, key: string | undefined, body: object): Promise<unknown> {
  const answer = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    ...(key !== undefined && { headers: { authorization: `Bearer ${key}` } }),
  })
  if (!answer.ok) throw new Error(await answer.text())
  return answer.json()
}
