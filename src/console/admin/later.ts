import { later } from '../parts/later.tsx'
import './admin.css'

// Dialogs and pages whose code is loaded when a person opens them.

export const StartAgent = later(async () => (await import('./start-agent.tsx')).StartAgent)
export const AddMachine = later(async () => (await import('./add-machine.tsx')).AddMachine)
export const MachineActions = later(async () => (await import('./machine-actions.tsx')).MachineActions)
export const KeysPage = later(async () => (await import('./keys-page.tsx')).KeysPage)
export const AuditPage = later(async () => (await import('./audit-page.tsx')).AuditPage)
