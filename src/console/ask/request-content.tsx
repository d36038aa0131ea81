import { type Change, changeOf } from '../../client/change-of.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { Diff } from '../parts/diff.tsx'
import { Shown, ShownLine } from './shown.tsx'

/** Everything that a request asks for: nobody should allow an action without seeing all of it. */
export function RequestContent({ request }: { request: PermissionRequest }) {
  const { description, reason, blocked_path, input } = request
  if (request.ask === 'plan') return <Plan input={input} />
  const change = changeOf(request)
  const rest = change ? change.rest : input
  const others = Object.entries(rest).filter(
    ([name, value]) => !(name === 'description' && (value === description || value === '')),
  )
  return (
    <>
      {description && <Said title="Described as" text={description} />}
      {reason && <Said title="Why it asks" text={reason} />}
      {blocked_path && !Object.values(input).includes(blocked_path) && (
        <Said title="Path" text={blocked_path} />
      )}
      {change && <Changed change={change} />}
      {others.map(([name, value]) => (
        <Field key={name} name={name} value={value} />
      ))}
    </>
  )
}

const Said = ({ title, text }: { title: string; text: string }) => (
  <div class="request-said">
    <strong>{title}:</strong> <Shown text={text} />
  </div>
)

function Field({ name, value }: { name: string; value: unknown }) {
  return (
    <div class="request-field">
      <strong>
        <ShownLine text={name} />
      </strong>
      <Shown look="code" text={typeof value === 'string' ? value : JSON.stringify(value, null, 2)} />
    </div>
  )
}

function Changed({ change }: { change: Change }) {
  return (
    <>
      <strong>
        <ShownLine text={change.path} />
      </strong>
      {change.parts.map(({ before, after }, index) => (
        <Diff key={index} before={before} after={after} path={change.path} reveal />
      ))}
    </>
  )
}

function Plan({ input: { plan, ...rest } }: { input: Record<string, unknown> }) {
  const isText = typeof plan === 'string' && plan.trim() !== ''
  const others = isText || plan === undefined ? rest : { plan, ...rest }
  return (
    <>
      {isText ? <Shown look="code" text={plan.trim()} /> : <p>The agent wrote no plan.</p>}
      {Object.entries(others).map(([name, value]) => (
        <Field key={name} name={name} value={value} />
      ))}
    </>
  )
}
