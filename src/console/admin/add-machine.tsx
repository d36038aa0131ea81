import { useState } from 'preact/hooks'
import { hubAddress, type Lines, machineLines } from '../../client/machine-lines.ts'
import type { Enrolment } from '../../protocol/hub-objects.ts'
import { fleet } from '../fleet/fleet.ts'
import { nameOf } from '../fleet/machine-facts.ts'
import { Button } from '../parts/button.tsx'
import { Copyable } from '../parts/copyable.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form, Select, TextField } from '../parts/form.tsx'
import { Name } from '../parts/name.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hrefOf } from '../route.ts'
import { HUB_URL } from '../session/hub-url.ts'
import { hub } from '../session/session.ts'
import { QrCode } from './qr-code.tsx'

const LIFETIMES = [
  ['3600', '1 hour'],
  ['86400', '1 day'],
  ['604800', '7 days'],
] as const

/** A line for a new machine. */
interface Made {
  enrolment: Enrolment
  lines: Lines
  url: string
  /** True if the hub has an installer. */
  installs: boolean
  /** Machines that the hub knew before. */
  known: ReadonlySet<string>
}

/** A dialog that makes the line which adds a machine, and says when the machine has connected. */
export function AddMachine({ onClose }: { onClose(): void }) {
  const [made, setMade] = useState<Made>()
  return (
    <Dialog title="Add a machine" onClose={onClose}>
      {made ? <PasteLine made={made} onClose={onClose} /> : <MakeLine onMade={setMade} onClose={onClose} />}
    </Dialog>
  )
}

function MakeLine({ onMade, onClose }: { onMade(made: Made): void; onClose(): void }) {
  const [name, setName] = useState('')
  const [lifetime, setLifetime] = useState<string>(LIFETIMES[0][0])
  const [address, setAddress] = useState(HUB_URL)
  const { isSending, problem, send } = useSending(() => {})
  const submit = () =>
    send(async () => {
      const url = hubAddress(address.trim())
      if (url === undefined)
        throw new Error('This is not a hub’s address. Use http://host:port or https://host/path.')
      const known = new Set(fleet.value?.machines.keys())
      const [enrolment, installer] = await Promise.all([
        hub().openEnrolment({
          expires_in_s: Number(lifetime),
          ...(name.trim() !== '' && { name: name.trim() }),
        }),
        hub().installer(),
      ])
      const lines = machineLines({ url, token: enrolment.token, installer })
      if (!lines) throw new Error('The hub returned an invalid token. Do not paste anything from it.')
      onMade({ enrolment, lines, url, installs: installer !== undefined, known })
    })
  return (
    <Form onSubmit={submit}>
      <p>You get a line to paste into a shell on the new machine. It installs the daemon and connects it.</p>
      <TextField
        label="Name of the machine"
        hint="Without a name, the machine gets its host name."
        maxLength={64}
        value={name}
        onChange={setName}
      />
      <Select label="The line is valid for" value={lifetime} onChange={setLifetime} choices={LIFETIMES} />
      <TextField
        label="Address at which the machine reaches this hub"
        type="url"
        isRequired
        value={address}
        onChange={setAddress}
      />
      {problem}
      <DialogBar>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="main" type="submit" disabled={isSending}>
          {isSending ? 'Making the line…' : 'Make the line'}
        </Button>
      </DialogBar>
    </Form>
  )
}

function PasteLine({ made, onClose }: { made: Made; onClose(): void }) {
  const { enrolment, lines } = made
  const arrived = arrivedIn(made)
  return (
    <div class="form">
      {arrived ? (
        <p role="status" class="add-machine-arrived">
          <a href={hrefOf(['machines', arrived.machine_id])} onClick={onClose}>
            <Name text={nameOf(arrived)} />
          </a>{' '}
          has connected.
        </p>
      ) : (
        <p role="status">Waiting for the machine to connect…</p>
      )}
      <p>
        Paste this line into a shell on the machine before{' '}
        <time dateTime={enrolment.expires_at}>{new Date(enrolment.expires_at).toLocaleString()}</time>. It
        admits one machine. Do not share it.
      </p>
      <Warnings made={made} />
      <Copyable text={lines.install} label="Copy the line" />
      <details>
        <summary>Show it as a QR code</summary>
        <QrCode text={lines.install} label="The line as a QR code" />
      </details>
      {lines.install_wget !== undefined && (
        <details>
          <summary>Without curl, or with an installed daemon</summary>
          <div class="form">
            <p>With wget:</p>
            <Copyable text={lines.install_wget} label="Copy the line for wget" />
            <p>If fomular-daemon is already installed:</p>
            <Copyable text={lines.enroll} label="Copy the line for an installed daemon" />
          </div>
        </details>
      )}
      {made.installs && (
        <p>It installs for the current user. To install for the whole machine, put sudo before sh.</p>
      )}
      <DialogBar>
        <Button look="main" onClick={onClose}>
          Close
        </Button>
      </DialogBar>
    </div>
  )
}

/** Returns the new machine, once it has connected. */
function arrivedIn({ known, enrolment }: Made) {
  const { value } = fleet
  void value?.version.value
  const arrived = [...(value?.machines.values() ?? [])].filter(
    ({ machine_id, connected }) => connected && !known.has(machine_id),
  )
  return arrived.find(({ name }) => name === enrolment.name) ?? arrived[0]
}

function Warnings({ made: { url, lines, installs } }: { made: Made }) {
  const warnings = []
  if (lines.isLocal)
    warnings.push(
      `${new URL(url).hostname} is the hub's own machine, so the line works only there. Make the line again with the address at which other machines reach the hub.`,
    )
  if (lines.isInsecure)
    warnings.push('Without TLS, anyone who can read or change the traffic can take over that machine.')
  if (url.startsWith('https:'))
    warnings.push(
      "If a private authority signed the hub's certificate, use `fomular-daemon machine add` instead: its line contains the authority.",
    )
  if (!installs)
    warnings.push(
      'The hub has no releases to install from. Install @fomular-os/daemon with npm on that machine first.',
    )
  return (
    <>
      {warnings.map((warning) => (
        <p key={warning} class="form-doubt">
          {warning}
        </p>
      ))}
    </>
  )
}
