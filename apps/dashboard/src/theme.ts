import { Anchor, Button, createTheme, type MantineColorsTuple, Modal, Tooltip } from '@mantine/core'

const ink: MantineColorsTuple = [
  '#eef4fb',
  '#dbe7f4',
  '#b4cee9',
  '#86b8ea',
  '#5f97cf',
  '#3f7bb5',
  '#24548a',
  '#1f4a7a',
  '#193c63',
  '#122d4b',
]

// No web font: the page must work on a closed network. `system-ui` is left out because Debian maps it to a very wide face.
const sans = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
const mono = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, "DejaVu Sans Mono", "Liberation Mono", monospace'

/** Paper and ink: neutral greys come from `app.css`; the one accent is the colour of the estimate's curve. */
export const theme = createTheme({
  primaryColor: 'ink',
  primaryShade: { light: 6, dark: 3 },
  autoContrast: true,
  colors: { ink },
  fontFamily: sans,
  fontFamilyMonospace: mono,
  defaultRadius: 'sm',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Anchor: Anchor.extend({ defaultProps: { underline: 'hover' } }),
    Button: Button.extend({ defaultProps: { size: 'xs', variant: 'default' } }),
    Modal: Modal.extend({ defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.35 } } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 250, withArrow: true, multiline: true, maw: 320 } }),
  },
})
