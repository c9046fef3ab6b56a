// Loads Mermaid (3.5 MB) when a page has a diagram. Without this object the theme loads it from unpkg.com.
(() => {
  const source = new URL("mermaid.min.js", document.currentScript.src)
  let options
  let loaded
  const load = () => loaded ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: source, onerror: reject })
    script.onload = () => { window.mermaid.initialize(options); resolve(window.mermaid) }
    document.head.append(script)
  })
  window.mermaid = {
    initialize(given) { options = given },
    async render(...diagram) { return (await load()).render(...diagram) },
  }
})()
