import type { ReactNode } from 'react'

const outline = (paths: ReactNode) => (
  <svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" strokeWidth="1.4" aria-hidden>
    {paths}
  </svg>
)

export const SunIcon = () =>
  outline(
    <>
      <circle cx="8" cy="8" r="3" />
      <path d="M8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1" />
    </>,
  )
export const MoonIcon = () => outline(<path d="M13.2 9.7A5.6 5.6 0 0 1 6.3 2.8a5.6 5.6 0 1 0 6.9 6.9Z" />)
export const CopyIcon = () =>
  outline(
    <>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
      <path d="M10.5 5.5v-1.5a1.5 1.5 0 0 0-1.5-1.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5" />
    </>,
  )
export const TickIcon = () => outline(<path d="m3.5 8.5 3 3 6-7" />)
export const DownloadIcon = () => outline(<path d="M8 2.5v7.5m-3-3 3 3 3-3M3 13.5h10" />)
export const PinIcon = ({ filled }: { filled: boolean }) =>
  outline(
    <path
      d="M5.5 2.5h5M6.5 2.5v4L4.5 9.5h7l-2-3v-4M8 9.5v4"
      fill={filled ? 'currentColor' : 'none'}
      strokeLinejoin="round"
    />,
  )
export const MoreIcon = () => outline(<path d="M3.2 8h.1M8 8h.1M12.7 8h.1" strokeWidth="2.4" strokeLinecap="round" />)
export const PlayIcon = () => outline(<path d="M5 3.2v9.6l7.5-4.8Z" fill="currentColor" stroke="none" />)
export const PauseIcon = () => outline(<path d="M5.5 3.5v9M10.5 3.5v9" strokeWidth="2" />)

/** The estimate falling towards zero. */
export const Mark = () => (
  <svg viewBox="0 0 32 32" width="20" height="20" fill="none" strokeLinecap="round" aria-hidden>
    <path d="M4 6c2 14 7 17 24 18.5" stroke="var(--estimate)" strokeWidth="3" />
    <path d="M4 28h24" stroke="var(--critic-loss)" strokeWidth="2.4" />
  </svg>
)
