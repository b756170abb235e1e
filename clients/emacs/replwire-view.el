;;; replwire-view.el --- The output of a session of replwire  -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The replwire authors
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; A view is a buffer with a block for each execution: a header, and behind it
;; what the execution shows, also when it shows it late.  Text behaves as on a
;; terminal; old text is dropped, and long lines are cut.

;;; Code:

(require 'ansi-color)
(require 'cl-lib)
(require 'text-property-search)

(defcustom replwire-view-size 500000
  "Characters of output that are kept in the buffer of a session."
  :type 'natnum
  :group 'replwire)

(defcustom replwire-view-line 2000
  "Characters of a line that are shown."
  :type 'natnum
  :group 'replwire)

(defface replwire-header '((t :inherit font-lock-function-name-face)) "Where code comes from." :group 'replwire)
(defface replwire-value '((t :inherit font-lock-string-face)) "Values." :group 'replwire)
(defface replwire-error '((t :inherit error)) "Errors, and what goes to standard error." :group 'replwire)
(defface replwire-note '((t :inherit warning)) "What replwire itself says." :group 'replwire)
(defface replwire-busy '((t :inherit shadow)) "Code that runs, or has run." :group 'replwire)

(cl-defstruct (replwire-block (:constructor replwire-block--make) (:copier nil))
  "From BEGIN to END; BODY is behind the header, CURSOR where text goes on.
TEXT is where the newest stretch of text begins, or nil.  With CLEAR, what
comes next takes the place of the body."
  begin body end cursor text clear rest)

(defun replwire-view-make (name)
  "The view, a buffer, of the session NAME."
  (let ((buffer (get-buffer-create (format "*replwire: %s*" name))))
    (with-current-buffer buffer
      (unless (derived-mode-p 'replwire-view-mode)
        (replwire-view-mode)))
    buffer))

(defvar replwire-view-mode-map
  (let ((map (make-sparse-keymap)))
    (set-keymap-parent map special-mode-map)
    (define-key map "g" nil)
    map)
  "Keys of the output of a session.")

(define-derived-mode replwire-view-mode special-mode "Replwire"
  "Output of a Python session.
A line of a traceback leads to its place; so does \\[next-error]."
  (setq-local next-error-function #'replwire-view-next-error)
  (setq-local ansi-color-context nil)
  ;; Where paragraphs begin costs much to find in text without blank lines.
  (setq-local bidi-paragraph-direction 'left-to-right)
  (setq-local bidi-inhibit-bpa t)
  (buffer-disable-undo)
  (setq-local window-point-insertion-type t))

(defmacro replwire-view--edit (view &rest body)
  "In VIEW, run BODY, which may change it; windows at its end stay there."
  (declare (indent 1) (debug t))
  `(when (buffer-live-p ,view)
     (with-current-buffer ,view
       (let ((inhibit-read-only t)
             (followers (cl-remove-if-not (lambda (window) (= (window-point window) (point-max)))
                                          (get-buffer-window-list nil nil t))))
         (save-excursion ,@body)
         (replwire-view--bound)
         (dolist (window followers)
           (set-window-point window (point-max)))))))

(defun replwire-view--bound ()
  "Drop the oldest lines when there is too much."
  (when (> (buffer-size) (* 1.2 replwire-view-size))
    (save-excursion
      (goto-char (- (point-max) replwire-view-size))
      (forward-line 1)
      (delete-region (point-min) (point))
      (goto-char (point-min))
      (insert-before-markers (propertize "… older output is no longer here\n" 'face 'replwire-note)))))

(defun replwire-view-block (view title &optional face)
  "Begin a block with TITLE at the end of VIEW, in FACE."
  (let ((block (replwire-block--make)))
    (replwire-view--edit view
      (goto-char (point-max))
      (unless (bolp) (insert "\n"))
      (let ((begin (point)))
        (insert (propertize (concat title "\n") 'face (or face 'replwire-header)))
        (setf (replwire-block-begin block) (copy-marker begin t)
              (replwire-block-body block) (copy-marker (point))
              (replwire-block-end block) (copy-marker (point)))
        (replwire-view--buttons begin (point))))
    block))

(defun replwire-view-retitle (view block title)
  "Change the header of BLOCK in VIEW to TITLE."
  (replwire-view--edit view
    (let ((begin (marker-position (replwire-block-begin block)))
          (body (marker-position (replwire-block-body block))))
      (when (< begin body)                  ; it may have been dropped
        (goto-char (1+ begin))
        (let ((new (propertize title 'face 'replwire-header)))
          (insert (substring new 1))
          (delete-region (point) (1- (replwire-block-body block))))
        (replwire-view--buttons begin (replwire-block-body block))))))

(defun replwire-view--prepare (block)
  "Clear BLOCK, if that was wanted as soon as something comes."
  (when (replwire-block-clear block)
    (setf (replwire-block-clear block) nil
          (replwire-block-text block) nil)
    (delete-region (replwire-block-body block) (replwire-block-end block))))

(defun replwire-view-insert (view block text &optional face display-id)
  "Add TEXT in FACE to BLOCK of VIEW.
It can be found by DISPLAY-ID."
  (replwire-view--edit view
    (replwire-view--prepare block)
    (goto-char (replwire-block-end block))
    (unless (bolp) (insert "\n"))
    (let ((begin (point)))
      (insert text)
      (unless (bolp) (insert "\n"))
      (when face (font-lock-append-text-property begin (point) 'face face))
      (when display-id (put-text-property begin (point) 'replwire-display display-id))
      (replwire-view--cut begin (point))
      (set-marker (replwire-block-end block) (point))
      (setf (replwire-block-text block) nil))))

(defun replwire-view-update (view display-id text)
  "Put TEXT in VIEW wherever DISPLAY-ID stands."
  (replwire-view--edit view
    (goto-char (point-min))
    (let (match)
      (while (setq match (text-property-search-forward 'replwire-display display-id #'equal))
        (let ((begin (prop-match-beginning match)) (length (- (prop-match-end match) (prop-match-beginning match))))
          (goto-char begin)
          (insert (propertize (if (string-suffix-p "\n" text) text (concat text "\n"))
                              'face 'replwire-value 'replwire-display display-id))
          (delete-region (point) (+ (point) length)))))))

(defun replwire-view-clear-block (view block wait)
  "Remove all of BLOCK of VIEW but its header; with WAIT when something comes."
  (setf (replwire-block-clear block) t)
  (unless wait
    (replwire-view--edit view (replwire-view--prepare block))))

(defun replwire-view-clear (view)
  "Empty VIEW."
  (with-current-buffer view
    (let ((inhibit-read-only t))
      (erase-buffer))))

;;; Text

(defun replwire-view-text (view block text &optional face)
  "Write TEXT in FACE at the cursor of BLOCK in VIEW, as a terminal does."
  (replwire-view--edit view
    (replwire-view--prepare block)
    (let ((end (replwire-block-end block)))
      (unless (replwire-block-text block)
        (goto-char end)
        (unless (bolp) (insert "\n"))
        (set-marker end (point))
        (setf (replwire-block-text block) (copy-marker (point))
              (replwire-block-cursor block) (copy-marker (point))))
      (goto-char (replwire-block-cursor block))
      (let ((begin (line-beginning-position)))
        (save-restriction
          ;; Behind it the next block begins.
          (narrow-to-region (replwire-block-text block) end)
          (replwire-view--write (concat (replwire-block-rest block) text) block face)
          (set-marker (replwire-block-cursor block) (point))
          (replwire-view--cut (max begin (point-min)) (point-max))
          (when (eq face 'replwire-error)
            (replwire-view--buttons (max begin (point-min)) (point-max)))
          (set-marker end (point-max)))))))

(defun replwire-view--write (text block face)
  "Write TEXT of BLOCK in FACE at point."
  (setf (replwire-block-rest block) nil)
  (let ((at 0) special)
    (while (and at (< at (length text)))
      (setq special (string-match "\\(\r\\|\b\\|\e\\[\\([0-9]*\\)A\\|\e\\(?:\\[[0-9;?]*\\)?\\'\\)" text at))
      (let ((piece (substring text at special)) (next (and special (match-end 0)))
            (rows (and special (match-string 2 text))))
        (replwire-view--overwrite piece face)
        (when special
          (pcase (aref text special)
            (?\r (goto-char (line-beginning-position)))
            (?\b (unless (bolp) (backward-char)))
            (_ (if rows
                   (let ((column (current-column)))
                     (forward-line (- (max 1 (string-to-number rows))))
                     (move-to-column column))
                 (setf (replwire-block-rest block) (substring text special))))))
        (setq at next)))))

(defun replwire-view--overwrite (text face)
  "Write TEXT, lines in FACE, over what stands at point."
  (when (string-search "\e" text)
    (setq text (ansi-color-apply text)))
  (if (eobp)
      (insert (replwire-view--propertize text face))
    (let ((lines (split-string text "\n")))
      (while lines
        (let ((line (pop lines)))
          (delete-region (point) (min (line-end-position) (+ (point) (length line))))
          (insert (replwire-view--propertize line face)))
        (when lines
          (goto-char (line-end-position))
          (if (eobp) (insert "\n") (forward-char)))))))

(defun replwire-view--propertize (text face)
  "TEXT in FACE, where it has no other."
  (if face
      (let ((text (copy-sequence text)))
        (font-lock-append-text-property 0 (length text) 'face face text)
        text)
    text))

(defun replwire-view--cut (begin end)
  "Cut lines between BEGIN and END that are very long."
  (save-excursion
    (let ((end (copy-marker end)))
      (goto-char begin)
      (while (< (point) end)
        (when (> (- (line-end-position) (point)) (+ replwire-view-line 2))
          (delete-region (+ (point) replwire-view-line) (line-end-position))
          (goto-char (line-end-position))
          (insert " …"))
        (forward-line 1))
      (set-marker end nil))))

;;; Places

(define-button-type 'replwire-place
  'action (lambda (button) (replwire-view-visit (button-get button 'place)))
  'face 'link
  'follow-link t)

(defvar replwire-visit-function #'ignore "Function of file name and line that goes there.")

(defun replwire-view-visit (place)
  "Go to PLACE, a file name and a line."
  (funcall replwire-visit-function (car place) (cdr place)))

(defun replwire-view--buttons (begin end)
  "Make what names places between BEGIN and END buttons."
  (save-excursion
    (goto-char begin)
    (while (re-search-forward "File \"\\([^\"\n]+\\)\", line \\([0-9]+\\)\\|^\\[[^]\n]*\\] \\([^\n:]+\\):\\([0-9]+\\)" end t)
      (let ((group (if (match-beginning 1) 1 3)))
        (make-text-button (match-beginning group) (match-end (1+ group))
                          'type 'replwire-place
                          'place (cons (match-string-no-properties group)
                                       (string-to-number (match-string (1+ group)))))))))

(defun replwire-view-next-error (count &optional reset)
  "Go to the place COUNT buttons on, or with RESET from the beginning."
  (when reset (goto-char (point-min)))
  (let ((button (progn (forward-button count) (button-at (point)))))
    (when button
      (replwire-view-visit (button-get button 'place)))))

;;; Rich forms

(defvar replwire-view--folder nil "Where pictures are put that Emacs cannot show.")

(defun replwire-view-forms (data)
  "What is shown of DATA, a plist of MIME types."
  (let* ((kind (cl-find-if (lambda (kind) (stringp (plist-get data (car kind))))
                           '((:image/png png ".png") (:image/jpeg jpeg ".jpg") (:image/gif gif ".gif")
                             (:image/svg+xml svg ".svg"))))
         (form (and kind (plist-get data (car kind))))
         (bytes (and kind (if (eq (cadr kind) 'svg) (encode-coding-string form 'utf-8)
                            (base64-decode-string form)))))
    (cond
     ((and kind (display-images-p) (image-type-available-p (cadr kind)))
      (concat (propertize " " 'display (create-image bytes (cadr kind) t :max-width 800)) "\n"))
     (kind
      (unless replwire-view--folder
        (setq replwire-view--folder (make-temp-file "replwire" t)))
      (let ((file (make-temp-file (expand-file-name "picture" replwire-view--folder) nil (nth 2 kind)))
            (coding-system-for-write 'no-conversion))
        (write-region bytes nil file nil 'silent)
        (format "[%s: %s]\n" (cadr kind) file)))
     (t (concat (or (plist-get data :text/plain) (plist-get data :text/markdown)
                    (plist-get data :text/latex) (plist-get data :text/html)
                    (format "%S" data))
                "\n")))))

(provide 'replwire-view)
;;; replwire-view.el ends here
