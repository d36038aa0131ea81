import { effect } from '@preact/signals'
import { FleetActions } from './admin/fleet-actions.tsx'
import { AuditPage, KeysPage, MachineActions } from './admin/later.ts'
import { NoAgents } from './admin/no-agents.tsx'
import { NoMachines } from './admin/no-machines.tsx'
import { Opened } from './admin/opened.tsx'
import { AgentPage } from './agent/later.ts'
import { ChangesPage } from './changes/later.ts'
import { fleet, liveFleet } from './fleet/fleet.ts'
import { FleetPage } from './fleet/fleet-page.tsx'
import { MachinePage } from './fleet/machine-page.tsx'
import { NotificationsPage } from './notify/later.ts'
import { Empty } from './parts/empty.tsx'
import { Notices } from './parts/notices.tsx'
import { RolloutPage, RolloutsPage } from './rollouts/later.ts'
import { route } from './route.ts'
import { Connecting } from './session/connecting.tsx'
import { OtherSessionDialog } from './session/other-session-dialog.tsx'
import { loadingHub, may, session } from './session/session.ts'
import { SessionsPage } from './session/sessions-page.tsx'
import { SignIn } from './session/sign-in.tsx'
import { Shell } from './shell.tsx'

/** Follows the fleet while a person is signed in. */
effect(() => {
  const hub = loadingHub.value
  if (!hub) return
  const aborter = new AbortController()
  fleet.value = liveFleet(hub, {
    signal: aborter.signal,
    frame: (callback) => void requestAnimationFrame(callback),
  })
  return () => {
    aborter.abort()
    fleet.value = undefined
  }
})

// The code arrives while the hub is asked who the person is.
if (route.peek().path[0] === 'agents') AgentPage.preload()

/** The whole console: the sign-in page, or the page in the address. */
export function App() {
  return (
    <>
      <Content />
      <OtherSessionDialog />
      <Notices />
    </>
  )
}

function Content() {
  if (session.value === null) return <Connecting />
  if (session.value === undefined) return <SignIn />
  const [page = '', ...rest] = route.value.path
  return (
    <Shell page={page}>
      {/* The clients of a page belong to one session. */}
      <Page key={session.value.session_id} page={page} rest={rest} />
      <Opened />
    </Shell>
  )
}

function Page({ page, rest: [first, second, third] }: { page: string; rest: string[] }) {
  if (page === '')
    return (
      <FleetPage actions={<FleetActions />} withoutMachines={<NoMachines />} withoutAgents={<NoAgents />} />
    )
  if (page === 'agents' && first !== undefined && second !== undefined && third === 'changes')
    return <ChangesPage machineId={first} agentId={second} />
  if (page === 'agents' && first !== undefined && second !== undefined)
    return <AgentPage key={JSON.stringify([first, second])} machineId={first} agentId={second} />
  if (page === 'machines' && first !== undefined)
    return <MachinePage machineId={first} actions={<ActionsOf machineId={first} />} />
  if (page === 'rollouts')
    return first === undefined ? <RolloutsPage /> : <RolloutPage key={first} rolloutId={first} />
  if ((page === 'keys' || page === 'audit') && !may('admin'))
    return <Empty title="This page is only for admins.">Sign in with a key that has the role admin.</Empty>
  if (page === 'keys') return <KeysPage />
  if (page === 'audit') return <AuditPage />
  if (page === 'sessions') return <SessionsPage />
  if (page === 'notifications') return <NotificationsPage />
  return <Empty title="There is no such page.">Choose another page above.</Empty>
}

function ActionsOf({ machineId }: { machineId: string }) {
  void fleet.value?.version.value
  const machine = fleet.value?.machines.get(machineId)
  return machine ? <MachineActions machine={machine} /> : null
}
