;;; replwire-ask.el --- Questions about code, answered by a session  -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The replwire authors
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; Completion, documentation, definitions, and a list of the variables that
;; opens to their values.

;;; Code:

(require 'cl-lib)
(require 'xref)
(require 'subr-x)
(require 'replwire-session)

(declare-function replwire--need "replwire")
(declare-function replwire-current "replwire")
(declare-function replwire-show--buffer "replwire-show")

(defcustom replwire-wait 0.3
  "Seconds that completion may wait for its answer."
  :type 'number
  :group 'replwire)

(defconst replwire-ask--before 200 "Lines before point that completion knows.")

(defun replwire-ask--session ()
  "The session of this buffer, if it can answer."
  (let ((session (replwire-current)))
    (and session (replwire-session-ready (replwire-session-main session)) session)))

(defun replwire-ask--code ()
  "What stands before the end of this line, and where point and the line are in it."
  (let ((begin (save-excursion (forward-line (- replwire-ask--before)) (point))))
    (list (buffer-substring-no-properties begin (line-end-position))
          (- (point) begin)
          begin)))

;;; Completion

(defun replwire-complete ()
  "For `completion-at-point-functions': complete by what the session knows."
  (let ((session (replwire-ask--session)))
    (when session
      (pcase-let* ((`(,code ,cursor ,begin) (replwire-ask--code))
                   (reply (replwire-session-ask session `(:type "complete" :code ,code :cursor_pos ,cursor)
                                                replwire-wait))
                   (matches (plist-get reply :matches)))
        (when matches
          (let ((about (make-hash-table :test 'equal)))
            (cl-loop for match in matches
                     for one in (plist-get (plist-get reply :metadata) :_jupyter_types_experimental)
                     do (puthash match one about))
            (list (+ begin (plist-get reply :cursor_start))
                  (+ begin (plist-get reply :cursor_end))
                  (lambda (string predicate action)
                    (if (eq action 'metadata)
                        '(metadata (category . replwire) (display-sort-function . identity)
                                   (cycle-sort-function . identity))
                      (complete-with-action action matches string predicate)))
                  :exclusive 'no
                  :annotation-function
                  (lambda (match)
                    (let ((signature (plist-get (gethash match about) :signature)))
                      (if (member signature '(nil "")) ""
                        (concat (unless (string-prefix-p "(" signature) " ") signature))))
                  :company-kind (lambda (match) (replwire-ask--kind (plist-get (gethash match about) :type)))
                  :company-docsig (lambda (match) (plist-get (gethash match about) :signature))
                  :company-doc-buffer
                  (lambda (match)
                    (let ((text (replwire-ask--text
                                 session (concat (replwire-ask--before-name (+ begin (plist-get reply :cursor_start)))
                                                 match))))
                      (when text
                        (with-current-buffer (get-buffer-create " *replwire documentation*")
                          (erase-buffer)
                          (insert text)
                          (current-buffer))))))))))))

(defun replwire-ask--kind (type)
  "The kind, as company and corfu name it, of TYPE of the wire."
  (pcase type
    ("instance" 'variable) ("param" 'variable) ("key" 'value) ("path" 'file) ("statement" 'snippet)
    ((or "function" "class" "module" "property" "keyword") (intern type))))

(defun replwire-ask--before-name (begin)
  "The dotted names that lead to BEGIN."
  (save-excursion
    (goto-char begin)
    (skip-chars-backward "[:word:]_.")
    (buffer-substring-no-properties (point) begin)))

(defun replwire-ask--text (session name)
  "The documentation of NAME in SESSION."
  (let ((reply (replwire-session-ask session `(:type "inspect" :code ,name :cursor_pos ,(length name)) replwire-wait)))
    (and (plist-get reply :found) (plist-get (plist-get reply :data) :text/plain))))

;;; Documentation

(defun replwire-eldoc (callback &rest _)
  "For `eldoc-documentation-functions': CALLBACK gets what the session knows."
  (let ((session (replwire-ask--session)))
    (when session
      (pcase-let ((`(,code ,cursor) (replwire-ask--code)))
        (replwire-session-request
         session `(:type "inspect" :code ,code :cursor_pos ,cursor)
         (lambda (reply &optional _)
           (when (plist-get reply :found)
             (funcall callback (replwire-ask--summary reply))))))
      t)))

(defun replwire-ask--summary (reply)
  "Return the signature of the call around point and the first line of REPLY."
  (let* ((text (plist-get (plist-get reply :data) :text/plain))
         (signature (replwire-ask--signature reply))
         (name (car (split-string text "\n"))))
    (cond ((not signature) text)
          ((equal signature name) signature)
          (t (concat signature "\n" name)))))

(defun replwire-ask--signature (reply)
  "The signature of REPLY, with its active parameter marked."
  (let* ((signature (car (plist-get reply :signatures)))
         (label (plist-get signature :label))
         (active (plist-get signature :active_parameter))
         (parameter (and active (plist-get (nth active (plist-get signature :parameters)) :label))))
    (when label
      (setq label (copy-sequence label))
      (when (and parameter (string-match (regexp-quote parameter) label))
        (put-text-property (match-beginning 0) (match-end 0) 'face 'eldoc-highlight-function-argument label))
      label)))

(defun replwire-describe (&optional source)
  "Show what the session knows of the name at point.
With prefix argument SOURCE that as well."
  (interactive "P")
  (pcase-let* ((session (replwire--need))
               (`(,code ,cursor) (replwire-ask--code))
               (reply (replwire-session-ask session `(:type "inspect" :code ,code :cursor_pos ,cursor
                                                            :detail_level ,(if source 1 0))
                                            2)))
    (if (not (plist-get reply :found))
        (message "Nothing is known of what stands here")
      (with-help-window "*replwire documentation*"
        (princ (plist-get (plist-get reply :data) :text/plain))))))

;;; Definitions

(defun replwire-xref-backend ()
  "For `xref-backend-functions'."
  (and (replwire-ask--session) 'replwire))

(cl-defmethod xref-backend-identifier-at-point ((_backend (eql replwire)))
  "The dotted name at point."
  (save-excursion
    (skip-chars-forward "[:word:]_")
    (let ((end (point)))
      (skip-chars-backward "[:word:]_.")
      (and (< (point) end) (buffer-substring-no-properties (point) end)))))

(cl-defmethod xref-backend-identifier-completion-table ((_backend (eql replwire)))
  "Names are not completed."
  nil)

(cl-defmethod xref-backend-definitions ((_backend (eql replwire)) identifier)
  "Where IDENTIFIER was defined."
  (let* ((session (replwire--need))
         (reply (replwire-session-ask session `(:type "inspect" :code ,identifier :cursor_pos ,(length identifier)) 2))
         (text (plist-get (plist-get reply :data) :text/plain))
         (place (plist-get reply :definition))
         (file (or (plist-get place :filename)
                   (and text (string-match "^Defined in: \\(.*\\), line \\([0-9]+\\)$" text) (match-string 1 text))))
         (line (and file (or (plist-get place :line) (string-to-number (match-string 2 text)))))
         (buffer (and file (replwire-show--buffer session file))))
    (when file
      (list (xref-make identifier
                       (if buffer
                           (xref-make-buffer-location
                            buffer (with-current-buffer buffer
                                     (save-excursion
                                       (goto-char (point-min))
                                       (forward-line (1- line))
                                       (point))))
                         (xref-make-file-location file line 0)))))))

;;; Variables

(defvar-local replwire-variables--session nil "The session whose variables are shown.")
(defvar-local replwire-variables--open nil "Paths of the values that are open.")

(defvar replwire-variables-mode-map
  (let ((map (make-sparse-keymap)))
    (set-keymap-parent map special-mode-map)
    (define-key map (kbd "RET") #'replwire-variables-toggle)
    (define-key map (kbd "TAB") #'replwire-variables-toggle)
    map)
  "Keys of the list of variables.")

(define-derived-mode replwire-variables-mode special-mode "Variables"
  "The variables of a Python session; \\[replwire-variables-toggle] opens one."
  (setq-local revert-buffer-function (lambda (&rest _) (replwire-variables--refresh (current-buffer)))))

(defun replwire-variables ()
  "Show the variables of this buffer's session.
Each opens to its values."
  (interactive)
  (let* ((session (replwire--need))
         (buffer (get-buffer-create (format "*replwire variables: %s*" (replwire-session-name session)))))
    (with-current-buffer buffer
      (replwire-variables-mode)
      (setq replwire-variables--session session))
    (setf (replwire-session-variables session) buffer)
    (replwire-variables--refresh buffer)
    (pop-to-buffer buffer)))

(defun replwire-variables--refresh (buffer)
  "Ask for the variables for BUFFER, and for what is inside of open ones."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (let ((session replwire-variables--session) (open replwire-variables--open)
            (waiting 0) (tree (list nil)))
        (cl-labels
            ((ask (path node)
               (cl-incf waiting)
               (replwire-session-request
                session `(:type "variables" :limit 200 :offset ,(length (cdr node)) :path ,(and path (vconcat path)))
                (lambda (reply &optional _)
                  (nconc node
                          (mapcar (lambda (entry)
                                    (let* ((step (if (plist-member entry :key) (plist-get entry :key)
                                                   (plist-get entry :name)))
                                           (own (append path (list step)))
                                           (child (list (append entry (list :own-path own)))))
                                      (when (and (member own open) (plist-get entry :has_children))
                                        (ask own child))
                                      child))
                                  (plist-get reply :variables)))
                  (when (and (plist-get reply :partial) (plist-get reply :variables)) ; time was up
                    (ask path node))
                  (when (zerop (cl-decf waiting))
                    (replwire-variables--draw buffer (cdr tree)))))))
          (ask nil tree))))))

(defun replwire-variables--draw (buffer tree)
  "Show TREE in BUFFER."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (let ((inhibit-read-only t) (line (line-number-at-pos)))
        (erase-buffer)
        (unless tree (insert "no variables yet\n"))
        (replwire-variables--insert tree 0)
        (goto-char (point-min))
        (forward-line (1- line))))))

(defun replwire-variables--insert (tree depth)
  "Insert TREE, indented by DEPTH."
  (pcase-dolist (`(,entry . ,children) tree)
    (let ((shape (plist-get entry :shape)) (length (plist-get entry :length)))
      (insert (propertize
               (concat (make-string (* 2 depth) ?\s)
                       (cond ((not (plist-get entry :has_children)) "  ")
                             ((member (plist-get entry :own-path) replwire-variables--open) "▾ ")
                             (t "▸ "))
                       (propertize (format "%s" (plist-get entry :name)) 'face 'font-lock-variable-name-face)
                       ": " (propertize (format "%s" (plist-get entry :type)) 'face 'font-lock-type-face)
                       (cond (shape (format "[%s]" (mapconcat #'number-to-string shape "×")))
                             (length (format "[%d]" length))
                             (t ""))
                       " = " (string-replace "\n" "⏎" (or (plist-get entry :repr) "")) "\n")
               'replwire-entry entry)))
    (replwire-variables--insert children (1+ depth))))

(defun replwire-variables-toggle ()
  "Open or close the value of this line."
  (interactive)
  (let* ((entry (get-text-property (line-beginning-position) 'replwire-entry))
         (path (plist-get entry :own-path)))
    (when entry
      (if (not (plist-get entry :has_children))
          (message "%s" (plist-get entry :repr))
        (setq replwire-variables--open
              (if (member path replwire-variables--open)
                  (remove path replwire-variables--open)
                (cons path replwire-variables--open)))
        (replwire-variables--refresh (current-buffer))))))

(defun replwire-ask--changed (what session &rest _)
  "The variables of SESSION may be others WHAT has changed."
  (when (and (eq what 'changed) (buffer-live-p (replwire-session-variables session))
             (eq (replwire-session-state session) 'idle))
    (replwire-variables--refresh (replwire-session-variables session))))

(add-hook 'replwire-session-functions #'replwire-ask--changed)

(provide 'replwire-ask)
;;; replwire-ask.el ends here
