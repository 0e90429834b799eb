// Runs before all else: keys that are pressed before the scripts have come wait for them. `keys.js` takes them over.
(() => {
  const pressed = [];
  const keep = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (event.target === document.body && (event.key.length === 1 || event.key === "Enter")) pressed.push({ key: event.key, shiftKey: event.shiftKey });
  };
  document.addEventListener("keydown", keep);
  document.takeOver = () => {
    document.removeEventListener("keydown", keep);
    return pressed.splice(0);
  };
})();
