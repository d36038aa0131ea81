import { useEffect, useState } from 'preact/hooks'

/** Width of the light border around a code, in modules, which the standard demands. */
const BORDER = 4

interface Code {
  size: number
  /** Path of the dark modules. */
  path: string
}

/** A text as a QR code. The code that computes it is loaded when it is first needed. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const [code, setCode] = useState<Code>()
  const [problem, setProblem] = useState<string>()
  useEffect(() => {
    let isCurrent = true
    import('./encode-qr.ts')
      .then(({ encode }) => encode(text, { ecc: 'L', border: BORDER }))
      .then(({ size, data }) => {
        if (isCurrent) setCode({ size, path: pathOf(data) })
      })
      .catch(() => {
        if (isCurrent) setProblem('The line is too long for a QR code. Copy it instead.')
      })
    return () => {
      isCurrent = false
    }
  }, [text])
  if (problem !== undefined) return <p role="status">{problem}</p>
  if (!code) return <p role="status">Drawing…</p>
  return (
    <svg class="qr-code" role="img" aria-label={label} viewBox={`0 0 ${code.size} ${code.size}`}>
      <path d={code.path} />
    </svg>
  )
}

const pathOf = (rows: boolean[][]) =>
  rows
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')))
    .filter(Boolean)
    .join('')
