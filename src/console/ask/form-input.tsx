import { Reveal } from '../../client/reveal-hidden.ts'
import { type FormAnswer, labelOf } from '../../protocol/form.ts'
import type { FormField } from '../../protocol/permission.ts'
import { Shown, ShownLine } from './shown.tsx'

interface FormInputProps {
  field: FormField
  value: FormAnswer | undefined
  fault: string | undefined
  onChange(value: FormAnswer): void
}

/** A field of a form, with its fault. */
export function FormInput({ field, value, fault, onChange }: FormInputProps) {
  const { description, required } = field
  return (
    <fieldset class="answer-question">
      <legend>
        <ShownLine text={labelOf(field)} />
        {required && ' (required)'}
      </legend>
      {description && <Shown text={description} />}
      <Input field={field} value={value} onChange={onChange} />
      {fault !== undefined && (
        <p class="request-refused" role="alert">
          {fault}
        </p>
      )}
    </fieldset>
  )
}

/** Returns a text for places that take no elements, with all hidden characters made visible. */
const revealed = (text: string) => new Reveal().line(text)

function Input({ field, value, onChange }: Omit<FormInputProps, 'fault'>) {
  const { type, options = [], format } = field
  const label = revealed(labelOf(field))
  const current = value ?? (field.default as FormAnswer | undefined)
  if (type === 'array') {
    const chosen = Array.isArray(current) ? current : []
    return (
      <>
        {options.map((option) => (
          <label key={option.value} class="answer-choice">
            <input
              type="checkbox"
              checked={chosen.includes(option.value)}
              onChange={(event) =>
                onChange(
                  options
                    .map((each) => each.value)
                    .filter((each) =>
                      each === option.value ? event.currentTarget.checked : chosen.includes(each),
                    ),
                )
              }
            />
            <ShownLine text={option.title ?? option.value} />
          </label>
        ))}
      </>
    )
  }
  if (options.length > 0)
    return (
      <select aria-label={label} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="" selected={current === undefined} />
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === current}>
            {revealed(option.title ?? option.value)}
          </option>
        ))}
      </select>
    )
  if (type === 'boolean')
    return (
      <>
        {[true, false].map((answer) => (
          <label key={String(answer)} class="answer-choice">
            <input
              type="radio"
              name={field.name}
              checked={current === answer}
              onChange={() => onChange(answer)}
            />
            {answer ? 'Yes' : 'No'}
          </label>
        ))}
      </>
    )
  const text = {
    'aria-label': label,
    value: current === undefined ? '' : String(current),
    onInput: (event: { currentTarget: HTMLInputElement }) => onChange(event.currentTarget.value),
  }
  if (format === 'password') return <input type="password" autocomplete="off" {...text} />
  return <input type="text" inputMode={type === 'integer' ? 'numeric' : 'text'} {...text} />
}
