import { type Change, changeOf } from '../../client/change-of.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { Diff } from '../parts/diff.tsx'
import { Shown, ShownLine } from './shown.tsx'

/** Maximum number of fields and of lines that are drawn one by one: more would take the browser long. */
const MOST_FIELDS = 200
const MOST_LINES = 5000

/** Everything that a request asks for: nobody should allow an action without seeing all of it. */
export function RequestContent({ request }: { request: PermissionRequest }) {
  const { description, reason, blocked_path, input } = request
  if (request.ask === 'plan') return <Plan input={input} />
  const change = changeOf(request)
  const rest = change ? change.rest : input
  const others = fieldsOf(rest).filter(
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

/** Returns the fields of an input; many fields are one. */
function fieldsOf(input: Record<string, unknown>): [name: string, value: unknown][] {
  const fields = Object.entries(input)
  return fields.length > MOST_FIELDS ? [['input', input]] : fields
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
      {isLong(change)
        ? change.parts.flatMap(({ before, after }) => [
            before !== '' && <Field name="removed" value={before} />,
            after !== '' && <Field name="added" value={after} />,
          ])
        : change.parts.map(({ before, after }, index) => (
            <Diff key={index} before={before} after={after} path={change.path} reveal />
          ))}
    </>
  )
}

const isLong = ({ parts }: Change) =>
  parts.length > MOST_FIELDS ||
  parts.reduce((sum, { before, after }) => sum + linesIn(before) + linesIn(after), 0) > MOST_LINES

const linesIn = (text: string) => text.split('\n', MOST_LINES).length

function Plan({ input: { plan, ...rest } }: { input: Record<string, unknown> }) {
  const isText = typeof plan === 'string' && plan.trim() !== ''
  const others = isText || plan === undefined ? rest : { plan, ...rest }
  return (
    <>
      {isText ? <Shown look="code" text={plan.trim()} /> : <p>The agent wrote no plan.</p>}
      {fieldsOf(others).map(([name, value]) => (
        <Field key={name} name={name} value={value} />
      ))}
    </>
  )
}
