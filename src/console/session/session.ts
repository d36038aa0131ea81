import { computed, effect, signal } from '@preact/signals'
import { fetchTransport } from '../../client/fetch-transport.ts'
import { HubClient } from '../../client/hub-client.ts'
import { HubFailure } from '../../client/hub-failure.ts'
import { SessionClient } from '../../client/session-client.ts'
import type { Transport } from '../../client/transport.ts'
import { pause } from '../../client/until-aborted.ts'
import { USER_ROLES, type UserRole } from '../../protocol/hub-keys.ts'
import { type NewSession, SESSION_HEADER } from '../../protocol/hub-sessions.ts'
import { tellProblem } from '../parts/notices.tsx'
import { arrivalToken } from './arrival-token.ts'
import { earlyRequests } from './early-requests.ts'
import { HUB_URL, stored } from './hub-url.ts'
import { keyProblem } from './key-problem.ts'
import { newId } from './new-id.ts'
import { watched } from './watched.ts'
import { withRemedy } from './with-remedy.ts'

/** A person who is signed in. */
export interface SignedIn {
  /** Name of the person's key. */
  name: string
  role: UserRole
  key_id: string
  session_id: string
  hub: HubClient
  /** Returns a further client of the hub. */
  connect(): HubClient
  /** Requests about sessions. */
  sessions: SessionClient
  /** The connection to the hub, for clients whose code is loaded later. */
  transport: Transport
}

/** The person who is signed in; undefined if nobody is signed in; null while this is unknown. */
export const session = signal<SignedIn | undefined | null>(null)

/** The client of a stored session, until the hub has answered who the person is. */
const arriving = signal<HubClient>()

/** The client with which the page loads its data. It begins without waiting for the person's name and role. */
export const loadingHub = computed(() => session.value?.hub ?? arriving.value)

/** The reason why nobody is signed in, if the person should know it. */
export const signedOutBecause = signal<string>()

/** The error that keeps the page from knowing whether a person is signed in. */
export const signInTrouble = signal<Error>()

/** A session of another key than the person's, which a link has brought. */
export interface OtherSession {
  /** Name of the key. */
  name: string
  /** Replaces the person's session by this session. */
  accept(): Promise<void>
  refuse(): Promise<void>
}

/** The session that the person must accept or refuse: any website may have opened the link that brought it. */
export const otherSession = signal<OtherSession>()

/** Pauses between attempts to reach the hub, in milliseconds: the first, doubled each time, and the longest. */
const RETRY_MS = { first: 1000, most: 15_000 }

const LINK_USED =
  'This link did not sign you in: it works once, for a minute. Run `fomular-daemon open` again.'
const ENDED = 'Your session has ended. It was ended or has expired, or its key was revoked or replaced.'

/** Returns the client of the hub. Only pages that need a signed-in person call this function. */
export function hub(): HubClient {
  if (!session.value) throw new Error('nobody is signed in')
  return session.value.hub
}

/** Returns a client for requests about one agent: another machine may have an agent with the same id. */
export function hubFor({ agent_id, machine_id }: { agent_id: string; machine_id: string }): HubClient {
  if (!session.value) throw new Error('nobody is signed in')
  const client = session.value.connect()
  client.means(agent_id, machine_id)
  return client
}

/** Reports whether the person's role permits what the given role permits. */
export function may(role: UserRole): boolean {
  return session.value ? USER_ROLES.indexOf(session.value.role) >= USER_ROLES.indexOf(role) : false
}

/** Signs in with a user key. @throws HubFailure, or an error about the text of the key */
export async function signIn(key: string): Promise<void> {
  const problem = keyProblem(key)
  if (problem !== undefined) throw new Error(problem)
  const transport = fetchTransport(HUB_URL, { authorization: `Bearer ${key}` })
  await begin(await new SessionClient(transport).create())
}

/**
 * Ends the session, also on the hub. If the hub cannot be reached, the session ends only in this browser, and a
 * notice says so.
 */
export async function signOut(): Promise<void> {
  const secret = stored.value
  stored.value = undefined
  forgetTab()
  leave(undefined)
  if (secret !== undefined) await end(secret).catch(tellProblem)
}

/** Forgets what the person has written in this tab, such as prompts that were not sent. */
function forgetTab() {
  try {
    sessionStorage.clear()
  } catch {
    // The browser forbids the storage, so it contains nothing.
  }
}

/** Signs in with the token in the address or with the stored session, and follows both. Called once. */
export function startSession() {
  if (arrivalToken.peek() === undefined) void restore()
  effect(() => {
    const token = arrivalToken.value
    if (token === undefined) return
    arrivalToken.value = undefined
    void exchange(token)
  })
  addEventListener('storage', ({ key }) => {
    // Another tab has signed in or out.
    if (key === stored.name || key === null) void restore()
  })
}

async function exchange(token: string): Promise<void> {
  try {
    const made = await new SessionClient(fetchTransport(HUB_URL, {})).signIn(token)
    if (await isOfOther(made)) ask(made)
    else await begin(made)
  } catch (error) {
    const isUsed = error instanceof HubFailure && error.kind === 'unauthorized'
    const why = isUsed ? new Error(LINK_USED) : (error as Error)
    if (stored.value === undefined) return leave(why.message)
    // The earlier session remains.
    tellProblem(why)
    if (!session.peek()) await restore()
  }
}

/** Reports whether a new session belongs to another key than the session of this browser, which is still valid. */
async function isOfOther({ session: made }: NewSession): Promise<boolean> {
  if (!session.peek() && stored.value !== undefined) await restore()
  const person = session.peek()
  return person ? person.key_id !== made.key_id : false
}

function ask(made: NewSession) {
  const settle = (act: () => Promise<void>) => () => {
    otherSession.value = undefined
    return act().catch(tellProblem)
  }
  otherSession.value = {
    name: made.session.name,
    accept: settle(() => begin(made)),
    refuse: settle(() => end(secretOf(made))),
  }
}

const secretOf = ({ session: { session_id }, secret }: NewSession) => `${session_id}.${secret}`

/** Begins a new session, and ends the previous session of this browser. */
async function begin(made: NewSession): Promise<void> {
  const before = stored.value
  stored.value = secretOf(made)
  if (before !== undefined) end(before).catch(() => {})
  await restore()
}

/** Ends a session on the hub. @throws HubFailure */
const end = (secret: string) =>
  new SessionClient(transportWith(secret)).end(secret.slice(0, secret.indexOf('.')))

let restores = 0

/** Continues the stored session. Retries while the hub does not answer. */
async function restore(): Promise<void> {
  const own = ++restores
  for (let pauseMs = RETRY_MS.first; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS.most)) {
    const secret = stored.value
    if (secret === undefined) return leave(undefined)
    try {
      const person = await personWith(secret)
      if (own === restores && stored.value === secret) enter(person)
      return
    } catch (error) {
      if (own !== restores) return
      arriving.value = undefined
      if (error instanceof HubFailure && error.kind === 'unauthorized') return onRefused(secret)
      signInTrouble.value = error as Error
    }
    await pause(pauseMs)
    if (own !== restores) return
  }
}

/** Returns the person with a session's secret. @throws HubFailure */
async function personWith(secret: string): Promise<SignedIn> {
  const transport = transportWith(secret)
  const watching = watched(transport, () => onRefused(secret))
  const connect = () => new HubClient(watching, { newId, errorFor: withRemedy })
  const hub = connect()
  if (session.peek() === null) arriving.value = hub
  const { name, key_id, role, session_id = '' } = await new SessionClient(transport).me()
  return {
    name,
    key_id,
    session_id,
    // A role of a newer hub may permit less than any other.
    role: USER_ROLES.find((each) => each === role) ?? 'viewer',
    hub,
    connect,
    sessions: new SessionClient(watching),
    transport: watching,
  }
}

const transportWith = (secret: string) =>
  fetchTransport(HUB_URL, { [SESSION_HEADER]: secret }, earlyRequests.fetch)

/** Forgets a session that the hub no longer accepts. */
function onRefused(secret: string) {
  if (stored.value !== secret) return
  stored.value = undefined
  leave(ENDED)
}

function enter(person: SignedIn) {
  signInTrouble.value = undefined
  signedOutBecause.value = undefined
  session.value = person
  arriving.value = undefined
}

function leave(because: string | undefined) {
  signInTrouble.value = undefined
  signedOutBecause.value = because
  arriving.value = undefined
  session.value = undefined
}
