import { visible } from '../../parts/visible.ts'
import { Long } from './long.tsx'

/** Maximum number of fields to show. */
const MOST = 100

interface FieldsProps {
  /** Key of the block with the fields. */
  blockKey: string
  input: Readonly<Record<string, unknown>>
}

/** The fields of an input without a known form. */
export function Fields({ blockKey, input }: FieldsProps) {
  const fields = Object.entries(input)
  if (fields.length === 0) return null
  return (
    <dl class="tool-fields">
      {fields.slice(0, MOST).map(([name, value]) => (
        <div key={name}>
          <dt>
            <bdi>{visible(name)}</bdi>
          </dt>
          <dd dir="auto">
            <Long id={`${blockKey} field ${name}`} text={shown(value)} chars={2000} lines={20}>
              {visible}
            </Long>
          </dd>
        </div>
      ))}
      {fields.length > MOST && <p>{fields.length - MOST} more fields are not shown.</p>}
    </dl>
  )
}

const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2))
